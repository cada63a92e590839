/* Feeds every file of the directories given to one fuzz target, so that what the fuzzers once found
 * stays found under any compiler: `meson test --suite fuzz`.  Linked with libFuzzer (run.sh) the
 * same program searches instead.  A directory that is missing or empty is a failure: a test that
 * reads nothing would pass for ever. */
#include "base/cleanup.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

typedef int (*target_fn)(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerRunDriver(int *argc, char ***argv, target_fn target) __attribute__((weak));

static int replay_dir(const char *dir);
static int replay_file(const char *path);

int main(int argc, char **argv)
{
    if (LLVMFuzzerRunDriver)
        return LLVMFuzzerRunDriver(&argc, &argv, LLVMFuzzerTestOneInput);

    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++)
        if (replay_dir(argv[i]) < 0)
            return EXIT_FAILURE;
    return argc > 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int replay_dir(const char *dir)
{
    CLEANUP(closedirp) DIR *d = opendir(dir);
    char path[4096];
    int count = 0;

    if (!d) {
        perror(dir);
        return -1;
    }
    for (struct dirent *entry; (entry = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        int r = entry->d_name[0] == '.' ? 0 : replay_file(path);
        if (r < 0)
            return -1;
        count += r;
    }
    printf("%s: %d files\n", dir, count);
    return count > 0 ? 0 : -1;
}

/* 1 when it was a file.  The copy is exactly as long as the input, so that a sanitizer sees a read
 * one byte too far. */
static int replay_file(const char *path)
{
    CLEANUP(fclosep) FILE *in = fopen(path, "re");
    struct stat st;

    if (!in || fstat(fileno(in), &st) < 0) {
        perror(path);
        return -1;
    }
    if (!S_ISREG(st.st_mode))
        return 0;
    size_t size = (size_t)st.st_size;
    CLEANUP(freep) uint8_t *data = malloc(size + (size == 0));
    if (!data || fread(data, 1, size, in) != size) {
        perror(path);
        return -1;
    }
    LLVMFuzzerTestOneInput(data, size);
    return 1;
}
