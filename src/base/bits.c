/* Bitmaps in 64-bit words.  Bits past n stay 0, so counting and comparing need no mask. */
#include "base/bits.h"
#include "base/xalloc.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define BIT(i) (UINT64_C(1) << ((i) % 64))

static size_t word_count(uint32_t n)
{
    return ((size_t)n + 63) / 64;
}

void bits_init(struct bits *b, uint32_t n)
{
    b->n = n;
    b->words = xcalloc(word_count(n), sizeof *b->words);
}

void bits_fini(struct bits *b)
{
    free(b->words);
    *b = (struct bits){ 0 };
}

void bits_copy(struct bits *dst, const struct bits *src)
{
    if (dst == src)
        return;
    if (word_count(dst->n) != word_count(src->n) || !dst->words)
        dst->words = xrealloc(dst->words, word_count(src->n), sizeof *dst->words);
    dst->n = src->n;
    if (src->n > 0)
        memcpy(dst->words, src->words, word_count(src->n) * sizeof *dst->words);
}

void bits_set(struct bits *b, uint32_t i)
{
    assert(i < b->n);
    b->words[i / 64] |= BIT(i);
}

void bits_clear(struct bits *b, uint32_t i)
{
    assert(i < b->n);
    b->words[i / 64] &= ~BIT(i);
}

void bits_set_all(struct bits *b)
{
    if (b->n == 0)
        return;
    memset(b->words, 0xff, word_count(b->n) * sizeof *b->words);
    if (b->n % 64 != 0)
        b->words[b->n / 64] = BIT(b->n) - 1;
}

void bits_clear_all(struct bits *b)
{
    if (b->n > 0)
        memset(b->words, 0, word_count(b->n) * sizeof *b->words);
}

bool bits_test(const struct bits *b, uint32_t i)
{
    assert(i < b->n);
    return (b->words[i / 64] & BIT(i)) != 0;
}

void bits_and(struct bits *dst, const struct bits *with)
{
    assert(dst->n == with->n);
    for (size_t i = 0; i < word_count(dst->n); i++)
        dst->words[i] &= with->words[i];
}

void bits_or(struct bits *dst, const struct bits *with)
{
    assert(dst->n == with->n);
    for (size_t i = 0; i < word_count(dst->n); i++)
        dst->words[i] |= with->words[i];
}

void bits_and_not(struct bits *dst, const struct bits *without)
{
    assert(dst->n == without->n);
    for (size_t i = 0; i < word_count(dst->n); i++)
        dst->words[i] &= ~without->words[i];
}

uint32_t bits_count(const struct bits *b)
{
    uint32_t count = 0;

    for (size_t i = 0; i < word_count(b->n); i++)
        count += (uint32_t)__builtin_popcountll(b->words[i]);
    return count;
}

uint32_t bits_count_and(const struct bits *a, const struct bits *b)
{
    uint32_t count = 0;

    assert(a->n == b->n);
    for (size_t i = 0; i < word_count(a->n); i++)
        count += (uint32_t)__builtin_popcountll(a->words[i] & b->words[i]);
    return count;
}

bool bits_any_and(const struct bits *a, const struct bits *b)
{
    assert(a->n == b->n);
    for (size_t i = 0; i < word_count(a->n); i++)
        if (a->words[i] & b->words[i])
            return true;
    return false;
}

bool bits_subset(const struct bits *inner, const struct bits *outer)
{
    assert(inner->n == outer->n);
    for (size_t i = 0; i < word_count(inner->n); i++)
        if (inner->words[i] & ~outer->words[i])
            return false;
    return true;
}

bool bits_equal(const struct bits *a, const struct bits *b)
{
    assert(a->n == b->n);
    return a->n == 0 || memcmp(a->words, b->words, word_count(a->n) * sizeof *a->words) == 0;
}

int64_t bits_next(const struct bits *b, uint32_t from)
{
    if (from >= b->n)
        return -1;
    size_t at = from / 64, end = word_count(b->n);
    uint64_t word = b->words[at] & ~(BIT(from) - 1);
    while (word == 0 && ++at < end)
        word = b->words[at];
    return word ? (int64_t)(at * 64) + __builtin_ctzll(word) : -1;
}

/* The i-th eight bytes as a word, the first byte lowest; past the end there are zeros. */
static uint64_t word_of(const uint8_t *bytes, uint32_t len, uint32_t i)
{
    uint64_t w = 0;

    if (i * 8 + 8 <= len)
        memcpy(&w, bytes + (size_t)i * 8, 8);
    else
        memcpy(&w, bytes + (size_t)i * 8, len - i * 8);
    return le64toh(w);
}

static uint32_t shared_words(const struct bits *b, uint32_t len)
{
    uint32_t theirs = len / 8 + (len % 8 != 0), ours = (uint32_t)word_count(b->n);

    return ours < theirs ? ours : theirs;
}

void bits_or_bytes(struct bits *dst, const void *bytes, uint32_t len)
{
    for (uint32_t i = 0; i < shared_words(dst, len); i++)
        dst->words[i] |= word_of(bytes, len, i);
    if (dst->n % 64 != 0)
        dst->words[dst->n / 64] &= BIT(dst->n) - 1;
}

void bits_and_not_bytes(struct bits *dst, const void *bytes, uint32_t len)
{
    for (uint32_t i = 0; i < shared_words(dst, len); i++)
        dst->words[i] &= ~word_of(bytes, len, i);
}

bool bits_free_bytes(const struct bits *b, const void *bytes, uint32_t len)
{
    uint64_t taken = 0;

    for (uint32_t i = 0; i * 8 < len; i++) {
        uint64_t outside = (i + 1) * 64 <= b->n ? 0 : i * 64 < b->n ? ~(BIT(b->n) - 1) : UINT64_MAX;
        taken |= word_of(bytes, len, i) & (outside | (i * 64 < b->n ? b->words[i] : 0));
    }
    return taken == 0;
}

uint32_t bits_count_bytes(const void *bytes, uint32_t len)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i * 8 < len; i++)
        count += (uint32_t)__builtin_popcountll(word_of(bytes, len, i));
    return count;
}
