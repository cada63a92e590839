/* sluice: the friendly command.  A table of words; each word is one function. */
#include "sluice/words.h"

#include <stdio.h>
#include <string.h>

#define SLUICE_VERSION "0.1.0"

static int word_version(int argc, char **argv)
{
    printf("sluice " SLUICE_VERSION "\n");
    return 0;
}

static int word_help(int argc, char **argv);

static const struct word {
    const char *name, *help;
    int (*run)(int argc, char **argv);
} words[] = {
    { "version", "print the version of this suite (the Slurm commands print the contract's: -V)",
      word_version },
    { "simulate", "play a job trace through the scheduler: waits, slowdowns, utilisation",
      word_simulate },
    { "why", "say in words what keeps a job from starting", word_why },
    { "help", "print this list", word_help },
};

static int word_help(int argc, char **argv)
{
    printf("usage: sluice WORD [ARGUMENTS]\n\n");
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        printf("  %-10s %s\n", words[i].name, words[i].help);
    return 0;
}

int main(int argc, char **argv)
{
    const char *want = argc > 1 ? argv[1] : "help";

    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].name, want) == 0)
            return words[i].run(argc - 1, argv + 1);
    fprintf(stderr, "sluice: unknown word \"%s\"; \"sluice help\" lists them\n", want);
    return 2;
}
