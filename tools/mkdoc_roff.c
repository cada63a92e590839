/* Text for man(7).  Everything that comes from a table passes through here, so that a backslash or
 * a leading dot in a help text is never a command to the formatter. */
#include "mkdoc.h"

/* A hyphen of ours is what a user types: \- keeps it from becoming a typographer's hyphen. */
void roff_text(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
    }
}

void roff_item(FILE *out, const char *term, const char *text)
{
    fputs(".TP\n\\fB", out);
    roff_text(out, term);
    fputs("\\fR\n", out);
    roff_text(out, text);
    fputc('\n', out);
}

void roff_verbatim(FILE *out, const char *text)
{
    fputs(".nf\n\\&", out);
    for (; *text; text++) {
        roff_text(out, (char[]){ *text, '\0' });
        if (*text == '\n' && text[1])
            fputs("\\&", out);
    }
    fputs(".fi\n", out);
}
