/* The tables behind auth/munge.h. */
#include "auth/munge.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct munge_cipher_row munge_ciphers[CIPHERS] = {
    [CIPHER_NONE] = { "none", 0, 0 },          [CIPHER_DEFAULT] = { "default", 0, 0 },
    [CIPHER_BLOWFISH] = { "blowfish", 16, 8 }, [CIPHER_CAST5] = { "cast5", 16, 8 },
    [CIPHER_AES128] = { "aes128", 16, 16 },    [CIPHER_AES256] = { "aes256", 32, 16 },
};

const struct munge_mac_row munge_macs[MACS] = {
    [MAC_NONE] = { "none", 0 },
    [MAC_DEFAULT] = { "default", 0 },
    [MAC_MD5] = { "md5", 16 },
    [MAC_SHA1] = { "sha1", 20 },
    [MAC_RIPEMD160] = { "ripemd160", 20 },
    [MAC_SHA256] = { "sha256", 32 },
    [MAC_SHA512] = { "sha512", 64 },
};

const char *const munge_zips[ZIPS] = { "none", "default", "bzlib", "zlib" };

static const char *const texts[] = {
    [MUNGE_OK] = "Success",
    [MUNGE_INTERNAL] = "Internal error",
    [MUNGE_BAD_ARG] = "Invalid argument",
    [MUNGE_TOO_LONG] = "Exceeded maximum message length",
    [MUNGE_OVERFLOW] = "Buffer overflow",
    [MUNGE_NO_MEMORY] = "Out of memory",
    [MUNGE_SOCKET_ERROR] = "Socket communication error",
    [MUNGE_TIMED_OUT] = "Socket timeout",
    [MUNGE_BAD_CRED] = "Invalid credential format",
    [MUNGE_BAD_VERSION] = "Invalid credential version",
    [MUNGE_BAD_CIPHER] = "Invalid cipher type",
    [MUNGE_BAD_MAC] = "Invalid MAC type",
    [MUNGE_BAD_ZIP] = "Invalid compression type",
    [MUNGE_BAD_REALM] = "Unrecognized security realm",
    [MUNGE_INVALID] = "Invalid credential",
    [MUNGE_EXPIRED] = "Expired credential",
    [MUNGE_REWOUND] = "Rewound credential",
    [MUNGE_REPLAYED] = "Replayed credential",
    [MUNGE_UNAUTHORIZED] = "Unauthorized credential",
};

const char *munge_text(int code)
{
    size_t n = sizeof texts / sizeof *texts;

    return code >= 0 && (size_t)code < n ? texts[code] : "Unknown error";
}

void munge_status_get(const char *status, const char *name, char *ret, size_t size)
{
    size_t len = strlen(name);

    ret[0] = '\0';
    for (const char *line = status; line && *line; line += *line == '\n') {
        size_t end = strcspn(line, "\n");
        if (strncmp(line, name, len) == 0 && line[len] == '=') {
            snprintf(ret, size, "%.*s", (int)(end - len - 1), line + len + 1);
            return;
        }
        line += end;
    }
}

/* A number below n, or -1. */
static int parse_number(const char *s, int n)
{
    char *end;

    if (!isdigit((unsigned char)*s))
        return -1;
    long id = strtol(s, &end, 10);
    return *end == '\0' && id < n ? (int)id : -1;
}

int munge_cipher_parse(const char *s)
{
    for (int i = 0; i < CIPHERS; i++)
        if (strcasecmp(s, munge_ciphers[i].name) == 0)
            return i;
    return parse_number(s, CIPHERS);
}

int munge_mac_parse(const char *s)
{
    for (int i = 0; i < MACS; i++)
        if (strcasecmp(s, munge_macs[i].name) == 0)
            return i;
    return parse_number(s, MACS);
}

int munge_zip_parse(const char *s)
{
    for (int i = 0; i < ZIPS; i++)
        if (strcasecmp(s, munge_zips[i]) == 0)
            return i;
    return parse_number(s, ZIPS);
}
