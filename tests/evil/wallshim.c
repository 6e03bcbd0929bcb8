/* Shifts the wall clock of one process, and of nobody else, by the seconds in a shared file.
 *
 * LD_PRELOAD=wallshim.so WALLSHIM=FILE: eight bytes, a double. CLOCK_MONOTONIC, CLOCK_BOOTTIME and
 * every wait stay true, as they do when somebody sets a machine's clock.
 *
 * With WALLSHIM_AT=SECONDS it stands still at that instant instead.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile double *offset;
static time_t standing;
static int (*real_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void prepare(void)
{
	const char *path = getenv("WALLSHIM");
	const char *at = getenv("WALLSHIM_AT");
	int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	standing = at ? (time_t)atoll(at) : 0;
	if (file < 0)
		return;
	void *shared = mmap(NULL, sizeof(double), PROT_READ, MAP_SHARED, file, 0);
	if (shared != MAP_FAILED)
		offset = shared;
	close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	if (!real_gettime)
		prepare();
	int failed = real_gettime(clock, now);
	if (failed || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
		return failed;
	if (standing) {
		now->tv_sec = standing;
		now->tv_nsec = 0;
		return 0;
	}
	if (!offset)
		return 0;
	double whole = floor(*offset);
	now->tv_sec += (time_t)whole;
	now->tv_nsec += (long)((*offset - whole) * 1e9);
	if (now->tv_nsec >= 1000000000L) {
		now->tv_nsec -= 1000000000L;
		now->tv_sec++;
	}
	return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec exact;
	int failed = clock_gettime(CLOCK_REALTIME, &exact);

	(void)zone;
	now->tv_sec = exact.tv_sec;
	now->tv_usec = exact.tv_nsec / 1000;
	return failed;
}

time_t time(time_t *result)
{
	struct timespec exact;

	clock_gettime(CLOCK_REALTIME, &exact);
	if (result)
		*result = exact.tv_sec;
	return exact.tv_sec;
}
