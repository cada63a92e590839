/* stderr of commands (say.h). */
#include "cli/say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool say_hints(void)
{
    const char *wanted = getenv("SLURM_HINTS");

    return !wanted || strcmp(wanted, "0") != 0;
}

/* Lines of text, the first with one word before it and the others with another; NULL leaves them
 * out. */
static void lines(const char *tool, const char *text, const char *first, const char *rest)
{
    for (const char *word = first; word && *text; word = rest) {
        size_t len = strcspn(text, "\n");
        fprintf(stderr, "%s: %s: %.*s\n", tool, word, (int)len, text);
        text += len + (text[len] == '\n');
    }
}

void say_error(const char *tool, const char *text)
{
    bool fatal = strncmp(text, "fatal: ", 7) == 0;

    lines(tool, fatal ? text + 7 : text, fatal ? "fatal" : "error", say_hints() ? "hint" : NULL);
}

void say_error_lines(const char *tool, const char *text)
{
    lines(tool, text, "error", "error");
}

void say_warning(const char *tool, const char *text)
{
    lines(tool, text, "warning", "warning");
}

int say_exit_code(void)
{
    const char *code = getenv("SLURM_EXIT_ERROR");

    return code && *code ? atoi(code) & 0xff : 1;
}
