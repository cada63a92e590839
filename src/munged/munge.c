/* munge: asks munged for a credential that says who runs this. */
#include "base/cleanup.h"
#include "munged/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "munge"

static const struct option_row rows[] = {
    { OPTION_HELP },
    { OPTION_LICENSE },
    { OPTION_VERSION },
    { 0 },
    { "no-input", 'n', NULL, "Discard all input for payload" },
    { "string", 's', "STR", "Input payload from string" },
    { "input", 'i', "PATH", "Input payload from file" },
    { "output", 'o', "PATH", "Output credential to file" },
    { 0 },
    { ROW_CIPHER },
    { ROW_LIST_CIPHERS },
    { ROW_MAC },
    { ROW_LIST_MACS },
    { ROW_ZIP },
    { ROW_LIST_ZIPS },
    { 0 },
    { ROW_AUTH_UID },
    { "uid", 'U', "UID", "Specify credential user/UID" },
    { ROW_AUTH_GID },
    { "gid", 'G', "GID", "Specify credential group/GID" },
    { ROW_TTL },
    { ROW_SOCKET },
    { "diagnose", 'D', NULL, "Display the daemon's key fingerprint and state" },
};

static const struct program program = {
    .name = NAME,
    .rows = rows,
    .n = sizeof rows / sizeof *rows,
    PROGRAM_WORDS,
    .footer = "By default, payload read from stdin, credential written to stdout."
};

struct ask {
    struct munge_wish wish;
    const char *socket, *output;
    const char *input, *text; /* at most one of the two is set; neither: no payload */
    bool has_uid, has_gid, diagnose;
    uint32_t uid, gid;
};

/* The last of -n, -s, -i counts. */
static void input_set(struct ask *a, const char *path, const char *text)
{
    a->input = path;
    a->text = text;
}

static void option_set(void *ctx, int letter, const char *arg)
{
    struct ask *a = ctx;

    if (command_wish_set(NAME, &a->wish, letter, arg))
        return;
    switch (letter) {
    case 'n':
        input_set(a, NULL, NULL);
        break;
    case 's':
        input_set(a, NULL, arg);
        break;
    case 'i':
        input_set(a, arg, NULL);
        break;
    case 'o':
        a->output = arg;
        break;
    case 'S':
        a->socket = arg;
        break;
    case 'U':
        a->has_uid = true;
        a->uid = user_parse(NAME, arg);
        break;
    case 'G':
        a->has_gid = true;
        a->gid = group_parse(NAME, arg);
        break;
    default:
        a->diagnose |= letter == 'D';
    }
}

/* The daemon takes the caller's identity from the kernel at connect, so this process becomes the
 * one asked for. */
static void become(const struct ask *a)
{
    if (a->has_gid && setegid(a->gid) < 0)
        fail(NAME, EXIT_FAILURE, "Failed to create credential for GID %u: %s", a->gid,
             strerror(errno));
    if (a->has_uid && seteuid(a->uid) < 0)
        fail(NAME, EXIT_FAILURE, "Failed to create credential for UID %u: %s", a->uid,
             strerror(errno));
}

/* Ours alone: a stock daemon hangs up on the question. */
static int diagnose(const struct ask *a)
{
    CLEANUP(freep) char *status = NULL;
    struct err e;

    int err = munge_status(a->socket, &status, &e);
    if (err < 0)
        fail(NAME, -err, "%s", e.text);
    fputs(status, stdout);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct ask a = { .wish = MUNGE_WISH, .socket = MUNGE_SOCKET, .input = "-", .output = "-" };
    CLEANUP(buf_fini) struct buf payload = { 0 };
    CLEANUP(freep) char *cred = NULL;
    struct err e;

    options_parse(&program, argc, argv, option_set, &a);
    if (a.diagnose)
        return diagnose(&a);
    if (a.input)
        command_read(NAME, a.input, &payload);
    else if (a.text)
        buf_puts(&payload, a.text);
    FILE *out = command_open(NAME, a.output);
    become(&a);
    a.wish.payload = payload.data;
    a.wish.len = payload.len;
    int err = munge_encode_as(a.socket, &a.wish, &cred, &e);
    if (err < 0)
        fail(NAME, -err, "%s", e.text);
    fprintf(out, "%s\n", cred);
    command_close(NAME, a.output, out);
    return EXIT_SUCCESS;
}
