/* Accounts, QOS and limits at the moment of submission; see standing.h. */
#include "core/standing.h"

#include "core/state.h"

#include <string.h>
#include <strings.h>

static bool has_text(const char *s)
{
    return s && *s;
}

static const struct part *first_part(const struct core *c, const char *list)
{
    return list ? part_next(c, &list) : NULL;
}

struct standing standing_of(const struct core *c, const struct identity *id)
{
    const struct part *p = first_part(c, id->partitions);

    return (struct standing){
        .assoc = rules_assoc(c->rules, id->account, id->user, p ? p->info->name : ""),
        .qos = rules_qos(c->rules, id->qos),
        .part_qos = part_qos(c, p),
    };
}

static int refuse_account(const struct core *c, const struct identity *id, struct arena *a,
                          struct err *e)
{
    char *may = rules_accounts_text(c->rules, id->user, a);

    if (!*may)
        return err_set(e, ESLURM_INVALID_ACCOUNT,
                       "user %.60s has no account here\nadd one: sacctmgr add user %.60s "
                       "account=NAME",
                       id->user, id->user);
    if (!has_text(id->account))
        return err_set(e, ESLURM_INVALID_ACCOUNT,
                       "user %.60s has no default account\nuse -A with one of: %s", id->user, may);
    return err_set(e, ESLURM_INVALID_ACCOUNT, "asked: -A %.60s\nuser %.60s may use: %s",
                   id->account, id->user, may);
}

static int identify_account(const struct core *c, struct identity *id, struct arena *a,
                            struct err *e)
{
    const struct part *p = first_part(c, id->partitions);

    if (!has_text(id->account))
        id->account = rules_default_account(c->rules, id->user);
    const struct assoc *as = rules_assoc(c->rules, id->account, id->user, p ? p->info->name : "");
    if (as)
        id->account = as->row->account;
    if (!as && c->enforce & ENFORCE_ASSOCS)
        return refuse_account(c, id, a, e);
    return 0;
}

static int identify_qos(const struct core *c, struct identity *id, struct arena *a, struct err *e)
{
    const struct assoc *as = standing_of(c, id).assoc;
    bool is_asked = has_text(id->qos);

    if (!is_asked && as)
        id->qos = rules_default_qos(c->rules, as);
    const struct qos *q = rules_qos(c->rules, id->qos);
    if (q)
        id->qos = q->row->name;
    if (is_asked && !q)
        return err_set(e, ESLURM_INVALID_QOS, "asked: --qos=%.60s\n%s%s", id->qos,
                       as ? "you may use: " : "there is no such QOS",
                       as ? rules_qos_text(c->rules, as, a) : "");
    if (!(c->enforce & ENFORCE_QOS))
        return 0;
    if (!q || (as && !rules_may_use(as, q->row->name)))
        return err_set(e, ESLURM_INVALID_QOS, "asked: --qos=%.60s\naccount %.60s may use: %s",
                       is_asked ? id->qos : "(none)", id->account,
                       as ? rules_qos_text(c->rules, as, a) : "");
    if (q->flags & QOS_NEEDS_RESERVATION && !has_text(id->reservation))
        return err_set(e, ESLURM_INVALID_QOS,
                       "QOS %.60s is for jobs in a reservation: add "
                       "--reservation=NAME",
                       q->row->name);
    return 0;
}

static int identify_wckey(const struct core *c, struct identity *id, struct err *e)
{
    const struct rule_user *u = rules_user(c->rules, id->user);

    if (!(c->enforce & ENFORCE_WCKEYS))
        return 0;
    if (!has_text(id->wckey) && u && has_text(u->def_wckey))
        id->wckey = u->def_wckey;
    if (!has_text(id->wckey) || !rules_has_wckey(c->rules, id->user, id->wckey))
        return err_set(e, ESLURM_INVALID_WCKEY, "asked: --wckey=%.60s",
                       has_text(id->wckey) ? id->wckey : "(none)");
    return 0;
}

int standing_identify(const struct core *c, struct identity *id, struct arena *a, struct err *e)
{
    if (c->rules->version == 0 && !c->enforce)
        return 0;
    if (c->rules->version == 0)
        return err_set(e, ESLURM_INVALID_ACCOUNT,
                       "the rule book has not come from slurmdbd yet, and "
                       "AccountingStorageEnforce asks for one");
    int r = identify_account(c, id, a, e);
    if (r == 0)
        r = identify_qos(c, id, a, e);
    return r < 0 ? r : identify_wckey(c, id, e);
}

/* ---- partitions */

/* True when the comma list has the name. */
static bool lists(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *s = list ? list : ""; *s;) {
        size_t n = strcspn(s, ",");
        if (n == len && strncasecmp(s, name, len) == 0)
            return true;
        s += n + (s[n] == ',');
    }
    return false;
}

static bool is_open(const char *list)
{
    return !has_text(list) || strcasecmp(list, "ALL") == 0;
}

/* Allow lists win over deny lists. */
static int check_lists(const char *allow, const char *deny, const char *name, bool *ret_is_denied)
{
    *ret_is_denied = is_open(allow) && *name && lists(deny, name);
    return is_open(allow) || lists(allow, name) ? 0 : -1;
}

int standing_check_partition(const struct part_info *p, const struct identity *id, struct err *e)
{
    const char *account = id->account ? id->account : "";
    const char *qos = id->qos ? id->qos : "";
    bool is_denied;

    if (check_lists(p->allow_accounts, p->deny_accounts, account, &is_denied) < 0)
        return err_set(e, ESLURM_INVALID_ACCOUNT,
                       "asked: -A %.60s\npartition %s is for the accounts %.120s",
                       *account ? account : "(none)", p->name, p->allow_accounts);
    if (is_denied)
        return err_set(e, ESLURM_INVALID_ACCOUNT, "partition %s is closed to the account %.60s",
                       p->name, account);
    if (check_lists(p->allow_qos, p->deny_qos, qos, &is_denied) < 0)
        return err_set(e, ESLURM_INVALID_QOS,
                       "asked: --qos=%.60s\npartition %s is for the QOS %.120s",
                       *qos ? qos : "(none)", p->name, p->allow_qos);
    if (is_denied)
        return err_set(e, ESLURM_INVALID_QOS, "partition %s is closed to the QOS %.60s", p->name,
                       qos);
    return 0;
}

/* ---- limits */

static int refuse_limit(const struct core *c, const struct limit_why *why, struct arena *a,
                        struct err *e)
{
    return err_set(e, ESLURM_ACCOUNTING_POLICY, "%s\n%s", reason_name(why->reason),
                   limits_words(c, why, a));
}

int standing_check_limits(const struct core *c, const struct job_record *rec, uint32_t tasks,
                          struct arena *a, struct err *e)
{
    struct identity id = { .user = rec->user,
                           .account = rec->account,
                           .qos = rec->qos,
                           .partitions = rec->wish->partitions };
    struct asker who = { .at = standing_of(c, &id),
                         .uid = rec->uid,
                         .account = rec->account ? rec->account : "",
                         .now = c->now };
    bool is_strict = (who.at.qos && who.at.qos->flags & QOS_DENY_ON_LIMIT) ||
                     (who.at.part_qos && who.at.part_qos->flags & QOS_DENY_ON_LIMIT);
    struct limit_why why;
    struct claim claim = { .tasks = tasks };

    if (!(c->enforce & ENFORCE_LIMITS))
        return 0;
    if (!limits_allow(c, &who, &claim, LIMIT_SUBMIT, &why))
        return refuse_limit(c, &why, a, e);
    if (!is_strict)
        return 0;
    claim_asked(c, first_part(c, rec->wish->partitions), rec->wish, &claim);
    claim.limit_min = rec->limit_min;
    return limits_allow(c, &who, &claim, LIMIT_ALONE, &why) ? 0 : refuse_limit(c, &why, a, e);
}
