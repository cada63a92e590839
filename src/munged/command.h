/* What munge, unmunge and remunge have in common. */
#ifndef MUNGED_COMMAND_H
#define MUNGED_COMMAND_H

#include "auth/munge_client.h"
#include "munged/options.h"
#include <stdio.h>

#define ROW_CIPHER "cipher", 'c', "STR", "Specify cipher type"
#define ROW_LIST_CIPHERS "list-ciphers", 'C', NULL, "Display a list of supported ciphers"
#define ROW_MAC "mac", 'm', "STR", "Specify MAC type"
#define ROW_LIST_MACS "list-macs", 'M', NULL, "Display a list of supported MACs"
#define ROW_ZIP "zip", 'z', "STR", "Specify compression type"
#define ROW_LIST_ZIPS "list-zips", 'Z', NULL, "Display a list of supported compressions"
#define ROW_AUTH_UID "restrict-uid", 'u', "UID", "Restrict credential decoding by user/UID"
#define ROW_AUTH_GID "restrict-gid", 'g', "GID", "Restrict credential decoding by group/GID"
#define ROW_TTL "ttl", 't', "SECS", "Specify time-to-live (in seconds; 0=dfl -1=max)"
#define ROW_SOCKET "socket", 'S', "PATH", "Specify local socket for munged"

/* Handles the letters c C m M z Z u g t; 0 when it was another.  The lists end the process. */
int command_wish_set(const char *program, struct munge_wish *wish, int letter, const char *arg);

/* The whole of a file, "-" being stdin.  Ends the process when it cannot be read. */
void command_read(const char *program, const char *path, struct buf *ret);
/* "-" is stdout, NULL nothing. */
FILE *command_open(const char *program, const char *path);
void command_close(const char *program, const char *path, FILE *f);

#endif
