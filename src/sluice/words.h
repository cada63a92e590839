/* The words of `sluice` that have a file of their own; main.c has the table. */
#ifndef SLUICE_WORDS_H
#define SLUICE_WORDS_H

int word_why(int argc, char **argv);
int word_simulate(int argc, char **argv);

#endif
