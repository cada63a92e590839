/* Comma lists on command lines. */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include "base/arena.h"
#include "schema/messages.h"

/* Appends the words of a comma list; brackets are kept together ("12_[1,3],n[1-2,4]"). Empty words
 * are dropped. */
void words_add(struct strs *list, const char *text, struct arena *a);

#endif
