/* Small growing sets of numbers, in the order they came. */
#ifndef CORE_IDS_H
#define CORE_IDS_H

#include <stdbool.h>
#include <stdint.h>

struct ids {
    uint32_t *v;
    uint32_t n, cap;
};

void ids_add(struct ids *s, uint32_t id);
bool ids_remove(struct ids *s, uint32_t id); /* keeps the order; false: not there */
bool ids_has(const struct ids *s, uint32_t id);
void ids_fini(struct ids *s);

#endif
