/* SPDX-License-Identifier: MIT
 *
 * The peer of partition's moves: a loop of rename(2) that does the same and nothing else. Files
 * DIR/xNNN/FFFF.csv go to DIR/k=xNNN/FFFF.csv; the target folders are made, the emptied ones
 * removed.
 *
 *     renames make DIR FOLDERS FILES    makes FOLDERS folders of FILES empty files each
 *     renames move DIR FOLDERS FILES    the loop; prints its milliseconds
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void need(int ok, const char *what)
{
    if (!ok) {
        perror(what);
        exit(1);
    }
}

static void make(long folders, long files)
{
    char path[64];
    for (long i = 0; i < folders; i++) {
        (void)snprintf(path, sizeof path, "x%03ld", i);
        need(mkdir(path, 0777) == 0, path);
        for (long k = 0; k < files; k++) {
            (void)snprintf(path, sizeof path, "x%03ld/%04ld.csv", i, k);
            int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
            need(fd >= 0 && close(fd) == 0, path);
        }
    }
}

static void move(long folders, long files)
{
    char from[64];
    char to[64];
    struct timespec start;
    struct timespec end;
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    for (long i = 0; i < folders; i++) {
        (void)snprintf(to, sizeof to, "k=x%03ld", i);
        need(mkdir(to, 0777) == 0, to);
        for (long k = 0; k < files; k++) {
            (void)snprintf(from, sizeof from, "x%03ld/%04ld.csv", i, k);
            (void)snprintf(to, sizeof to, "k=x%03ld/%04ld.csv", i, k);
            need(rename(from, to) == 0, from);
        }
        (void)snprintf(from, sizeof from, "x%03ld", i);
        need(rmdir(from) == 0, from);
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.1f\n",
           (double)(end.tv_sec - start.tv_sec) * 1e3 + (double)(end.tv_nsec - start.tv_nsec) / 1e6);
}

int main(int argc, char **argv)
{
    int makes = argc == 5 && strcmp(argv[1], "make") == 0;
    if (!makes && !(argc == 5 && strcmp(argv[1], "move") == 0)) {
        (void)fputs("usage: renames make|move DIR FOLDERS FILES\n", stderr);
        return 2;
    }
    if (makes) {
        (void)mkdir(argv[2], 0777);
    }
    need(chdir(argv[2]) == 0, argv[2]);
    (makes ? make : move)(strtol(argv[3], NULL, 10), strtol(argv[4], NULL, 10));
    return 0;
}
