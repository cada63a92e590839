/* The user's terminal while a task of his has one of its own: every key is the task's. */
#ifndef CLI_TTY_H
#define CLI_TTY_H

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

struct tty {
    struct termios before;
    bool is_raw;
};

void tty_raw(struct tty *t); /* nothing when standard input is no terminal */
void tty_restore(struct tty *t);
bool tty_size(uint32_t *ret_rows, uint32_t *ret_cols);

#endif
