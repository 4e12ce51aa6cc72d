/* What the comparison programs share: a clock, the processor's time, and the line of JSON that a measurement is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    double wall, processor;
} meter_t;

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static meter_t meter_start(void)
{
    return (meter_t){seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID)};
}

static void meter_report(meter_t start, const char *name, long operations)
{
    printf("{\"name\":\"%s\",\"operations\":%ld,\"seconds\":%.6f,\"cpu_seconds\":%.6f}\n", name, operations,
           seconds_of(CLOCK_MONOTONIC) - start.wall, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - start.processor);
    fflush(stdout);
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}
