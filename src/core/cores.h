/* Which CPUs of a node: by unit (the threads of a core, or a socket's), spread over sockets.
 *
 * CPUs are numbered socket by socket.  What is reserved for the system counts as taken. */
#ifndef CORE_CORES_H
#define CORE_CORES_H

#include "base/arena.h"
#include "schema/messages.h"
#include <stdbool.h>
#include <stdint.h>

#define SOCKETS_MAX 64u

struct node;

/* How CPUs are picked. */
struct cores_way {
    uint64_t sockets; /* these first; 0: any */
    uint32_t most_on_socket; /* CPUs; 0: no limit */
    bool is_block;    /* fill socket after socket, instead of going round */
};

uint32_t cores_sockets(const struct node *n); /* 1 where the CPUs cannot be told apart */
uint32_t cores_free(const struct node *n);    /* CPUs of whole free units */
uint32_t cores_all(const struct node *n);     /* the same, were it empty */
/* CPUs of whole free units by socket; were it empty when is_empty. */
void cores_by_socket(const struct node *n, bool is_empty, uint32_t ret[SOCKETS_MAX]);
uint32_t cores_near(const uint32_t by_socket[SOCKETS_MAX], uint32_t n, uint64_t sockets);
struct bytes cores_pick(const struct node *n, uint32_t want, struct cores_way way,
                        struct arena *a);
/* Reserves what CoreSpecCount and CPUSpecList say. */
void cores_reserve(struct node *n);

#endif
