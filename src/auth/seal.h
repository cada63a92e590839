/* Orders that only the controller can have made.  Between the controller and a node's root half
 * lies the half that talks to the network; it carries orders to start something, but does not know
 * the key. */
#ifndef AUTH_SEAL_H
#define AUTH_SEAL_H

#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>

#define SEAL_KEY 32

/* Appends the seal to a packed message.  It looks like a field that no message has, so unpacking
 * skips it.  The opcode is sealed too: one order cannot be read as another. */
void seal_put(struct buf *body, uint16_t opcode, const uint8_t key[SEAL_KEY]);
bool seal_fits(const void *body, size_t len, uint16_t opcode, const uint8_t key[SEAL_KEY]);

#endif
