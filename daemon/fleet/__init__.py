"""Who makes passes over which clusters, also when several daemons share them."""
