/* Node states in words: a list of rules, first match wins. */
#include "cli/node_state.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum busy { ANY, IDLE, BUSY };

/* A state is shown by the first rule whose base, flag and business all match (NULL and ANY match).
 */
struct rule {
    const char *base, *flag;
    enum busy busy;
    const char *text, *brief;
};

static const struct rule rules[] = {
    { NULL, "INVALID_REG", ANY, "inval", "inval" },
    { NULL, "MAINTENANCE", IDLE, "maint", "maint" },
    { NULL, "REBOOT_ISSUED", IDLE, "reboot^", "boot^" },
    { NULL, "REBOOT_REQUESTED", IDLE, "reboot", "boot" },
    { NULL, "DRAIN", BUSY, "draining", "drng" },
    { NULL, "DRAIN", ANY, "drained", "drain" },
    { NULL, "FAIL", BUSY, "failing", "failg" },
    { NULL, "FAIL", ANY, "fail", "fail" },
    { "DOWN", NULL, ANY, "down", "down" },
    { "ALLOCATED", "COMPLETING", ANY, "allocated+", "alloc+" },
    { "ALLOCATED", NULL, ANY, "allocated", "alloc" },
    { "MIXED", NULL, ANY, "mixed", "mix" },
    { NULL, "COMPLETING", ANY, "completing", "comp" },
    { "IDLE", "RESERVED", ANY, "reserved", "resv" },
    { "IDLE", "PLANNED", ANY, "planned", "plnd" },
    { "IDLE", NULL, ANY, "idle", "idle" },
    { "FUTURE", NULL, ANY, "future", "futr" },
    { "ERROR", NULL, ANY, "error", "err" },
    { "UNKNOWN", NULL, ANY, "unknown", "unk" },
};

/* Marks behind the word; the first that applies. */
static const struct mark {
    const char *flag;
    char mark;
} marks[] = {
    { "MAINTENANCE", '$' }, { "REBOOT_REQUESTED", '@' }, { "POWERING_UP", '#' },
    { "CONFIGURING", '#' }, { "POWERING_DOWN", '%' },    { "POWERED_DOWN", '~' },
    { "POWER_DOWN", '!' },  { "NOT_RESPONDING", '*' },
};

static const char *const bases[] = { "UNKNOWN", "DOWN",  "IDLE",  "ALLOCATED",
                                     "ERROR",   "MIXED", "FUTURE" };

/* Bits as Slurm's API numbers them. */
static const struct bit {
    const char *flag, *word;
    uint32_t value;
} bits[] = {
    { "RESERVED", "reserved", 0x20 },
    { "CLOUD", "cloud", 0x80 },
    { "DRAIN", "drain", 0x200 },
    { "COMPLETING", "completing", 0x400 },
    { "NOT_RESPONDING", "no_respond", 0x800 },
    { "POWERED_DOWN", "powered_down", 0x1000 },
    { "FAIL", "fail", 0x2000 },
    { "POWERING_UP", "powering_up", 0x4000 },
    { "MAINTENANCE", "maint", 0x8000 },
    { "REBOOT_REQUESTED", "reboot", 0x10000 },
    { "POWERING_DOWN", "powering_down", 0x40000 },
    { "REBOOT_ISSUED", "reboot_issued", 0x100000 },
    { "PLANNED", "planned", 0x200000 },
    { "INVALID_REG", "inval", 0x400000 },
    { "POWER_DOWN", "power_down", 0x800000 },
};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

bool node_has(const struct node_info *n, const char *flag)
{
    for (uint32_t i = 0; i < n->flags.n; i++)
        if (strcasecmp(n->flags.v[i], flag) == 0)
            return true;
    return false;
}

bool node_is_busy(const struct node_info *n)
{
    return strcmp(n->base, "ALLOCATED") == 0 || strcmp(n->base, "MIXED") == 0 ||
           node_has(n, "COMPLETING");
}

bool node_is_out(const struct node_info *n)
{
    return !node_is_busy(n) &&
           (strcmp(n->base, "DOWN") == 0 || strcmp(n->base, "ERROR") == 0 ||
            strcmp(n->base, "FUTURE") == 0 || node_has(n, "DRAIN") || node_has(n, "FAIL"));
}

static const struct rule *rule_of(const struct node_info *n)
{
    bool busy = node_is_busy(n);
    size_t i = 0;

    for (; i + 1 < COUNT(rules); i++) {
        const struct rule *r = &rules[i];

        if ((!r->base || strcmp(r->base, n->base) == 0) && (!r->flag || node_has(n, r->flag)) &&
            (r->busy == ANY || (r->busy == BUSY) == busy))
            break;
    }
    return &rules[i];
}

void node_state_put(const struct node_info *n, bool brief, struct buf *out)
{
    const struct rule *r = rule_of(n);

    buf_puts(out, brief ? r->brief : r->text);
    for (size_t i = 0; i < COUNT(marks); i++)
        if (node_has(n, marks[i].flag)) {
            buf_putc(out, marks[i].mark);
            return;
        }
}

uint32_t node_state_number(const struct node_info *n)
{
    uint32_t number = 0;

    for (uint32_t i = 0; i < COUNT(bases); i++)
        if (strcmp(bases[i], n->base) == 0)
            number = i;
    for (size_t i = 0; i < COUNT(bits); i++)
        if (node_has(n, bits[i].flag))
            number |= bits[i].value;
    return number;
}

static const struct bit *bit_of(const char *word)
{
    for (size_t i = 0; i < COUNT(bits); i++)
        if (strcasecmp(bits[i].word, word) == 0 || strcasecmp(bits[i].flag, word) == 0)
            return &bits[i];
    return NULL;
}

/* "drain" means both drained and draining, because it is a flag first. */
bool node_state_is(const struct node_info *n, const char *word)
{
    const struct rule *r = rule_of(n);
    const struct bit *bit = bit_of(word);

    if (strcasecmp(word, "all") == 0)
        return true;
    if (bit)
        return node_has(n, bit->flag);
    return strcasecmp(word, r->text) == 0 || strcasecmp(word, r->brief) == 0;
}

bool node_state_known(const char *word)
{
    if (strcasecmp(word, "all") == 0 || bit_of(word))
        return true;
    for (size_t i = 0; i < COUNT(rules); i++)
        if (strcasecmp(word, rules[i].text) == 0 || strcasecmp(word, rules[i].brief) == 0)
            return true;
    return false;
}
