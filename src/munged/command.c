/* What munge, unmunge and remunge have in common. */
#include "munged/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Listing is all that such a call is for, so it ends here. */
static void list_print(const char *title, const char *const *names, int n, int first_real)
{
    printf("%s types:\n\n", title);
    for (int i = 0; i < n; i++)
        if (i != 0 || first_real == 0)
            printf("  %s (%d)\n", names[i], i);
    putchar('\n');
    exit(EXIT_SUCCESS);
}

static void ciphers_print(void)
{
    const char *names[CIPHERS];

    for (int i = 0; i < CIPHERS; i++)
        names[i] = munge_ciphers[i].name;
    list_print("Cipher", names, CIPHERS, 0);
}

static void macs_print(void)
{
    const char *names[MACS];

    for (int i = 0; i < MACS; i++)
        names[i] = munge_macs[i].name;
    list_print("MAC", names, MACS, 1); /* "none" is no MAC */
}

static uint8_t type_or_fail(const char *program, const char *what, const char *arg, int id)
{
    if (id < 0)
        fail(program, EXIT_FAILURE, "Invalid %s type \"%s\"", what, arg);
    return (uint8_t)id;
}

/* -1, the longest there is, becomes 2^32 - 1 and is cut down by the daemon. */
static uint32_t ttl_parse(const char *program, const char *arg)
{
    int64_t ttl;

    if (number_parse(arg, -1, INT64_MAX, &ttl) < 0)
        fail(program, EXIT_FAILURE, "Invalid time-to-live '%s'", arg);
    if (ttl > UINT32_MAX)
        fail(program, EXIT_FAILURE, "Exceeded maximum time-to-live of %u seconds", UINT32_MAX);
    return (uint32_t)ttl;
}

int command_wish_set(const char *program, struct munge_wish *wish, int letter, const char *arg)
{
    int mac;

    switch (letter) {
    case 'c':
        wish->cipher = type_or_fail(program, "cipher", arg, munge_cipher_parse(arg));
        return 1;
    case 'm':
        mac = munge_mac_parse(arg);
        wish->mac = type_or_fail(program, "MAC", arg, mac == MAC_NONE ? -1 : mac);
        return 1;
    case 'z':
        wish->zip = type_or_fail(program, "compression", arg, munge_zip_parse(arg));
        return 1;
    case 'u':
        wish->auth_uid = user_parse(program, arg);
        return 1;
    case 'g':
        wish->auth_gid = group_parse(program, arg);
        return 1;
    case 't':
        wish->ttl_s = ttl_parse(program, arg);
        return 1;
    case 'C':
        ciphers_print();
        return 1;
    case 'M':
        macs_print();
        return 1;
    case 'Z':
        list_print("Compression", munge_zips, ZIPS, 0);
        return 1;
    default:
        return 0;
    }
}

void command_read(const char *program, const char *path, struct buf *ret)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    size_t n = 1;

    if (!in)
        fail(program, EXIT_FAILURE, "Failed to read from \"%s\": %s", path, strerror(errno));
    /* Anything above the limit of a message is refused later; reading on would be for nothing. */
    while (n > 0 && ret->len <= MUNGE_BODY_MAX) {
        buf_reserve(ret, 65536);
        n = fread(ret->data + ret->len, 1, 65536, in);
        ret->len += n;
    }
    if (ferror(in))
        fail(program, EXIT_FAILURE, "Failed to read from \"%s\": %s", path, strerror(errno));
    if (in != stdin)
        fclose(in);
}

FILE *command_open(const char *program, const char *path)
{
    FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");

    if (!out)
        fail(program, EXIT_FAILURE, "Failed to write to \"%s\": %s", path, strerror(errno));
    return out;
}

void command_close(const char *program, const char *path, FILE *f)
{
    int bad = f == stdout ? fflush(f) : fclose(f);

    if (bad)
        fail(program, EXIT_FAILURE, "Failed to write to \"%s\": %s", path, strerror(errno));
}
