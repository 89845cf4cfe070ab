/* Preloaded into every process of a command: a file system without locks, or a clock that steps back an hour.

   ODD_LOCKS=DIR  flock fails with ENOLCK below that folder, as on NFS without a lock server
   ODD_CLOCK=N    after N readings in a process, the time of day is an hour earlier */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long back(void) {
    static long readings = 0;
    const char *after = getenv("ODD_CLOCK");
    return after != NULL && ++readings > atol(after) ? 3600 : 0;
}

int flock(int file, int operation) {
    static int (*real)(int, int);
    const char *below = getenv("ODD_LOCKS");
    char name[64], path[4096];
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t length = below == NULL ? -1 : readlink(name, path, sizeof path);
    if (below != NULL && length >= (ssize_t)strlen(below) && strncmp(path, below, strlen(below)) == 0) { errno = ENOLCK; return -1; }
    if (real == NULL) real = (int (*)(int, int))dlsym(RTLD_NEXT, "flock");
    return real(file, operation);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (real == NULL) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    if (!failed && clock == CLOCK_REALTIME) now->tv_sec -= back();
    return failed;
}
