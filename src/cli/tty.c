/* Raw terminals (tty.h). */
#include "cli/tty.h"

#include <sys/ioctl.h>
#include <unistd.h>

void tty_raw(struct tty *t)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &t->before) < 0)
        return;
    raw = t->before;
    cfmakeraw(&raw);
    t->is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

void tty_restore(struct tty *t)
{
    if (t->is_raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &t->before);
    t->is_raw = false;
}

bool tty_size(uint32_t *ret_rows, uint32_t *ret_cols)
{
    struct winsize size;

    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
        return false;
    *ret_rows = size.ws_row;
    *ret_cols = size.ws_col;
    return true;
}
