/* One row for each request that slurmctld answers; whoever has no row here is refused.
 * Who may ask is in schema/rpc.def, whose jobs they are is the core's business. */
#include "slurmctld/ctld.h"

#include <stddef.h>

static const struct route routes[] = {
    { .opcode = OP_ping, .ask = ask_ping },
    { .opcode = OP_job_list, .ask = ask_jobs },
    { .opcode = OP_job_why, .ask = ask_why },
    { .opcode = OP_node_list, .ask = ask_nodes },
    { .opcode = OP_part_list, .ask = ask_parts },
    { .opcode = OP_resv_list, .ask = ask_resvs },
    { .opcode = OP_conf_show, .ask = ask_conf },
    { .opcode = OP_stats_show, .ask = ask_stats },
    { .opcode = OP_license_list, .ask = ask_licenses },
    { .opcode = OP_share_list, .ask = ask_shares },
    { .opcode = OP_prio_list, .ask = ask_prio },
    { .opcode = OP_book_list, .ask = ask_book },
    { .opcode = OP_step_list, .ask = ask_steps },
    { .opcode = OP_job_wait, .ask = ask_alloc },

    { .opcode = OP_node_hello, .prepare = prepare_node },
    { .opcode = OP_node_beat, .prepare = prepare_node },
    { .opcode = OP_step_ended, .prepare = prepare_node },
    { .opcode = OP_job_cleaned, .prepare = prepare_node },
    { .opcode = OP_step_used, .instead = do_step_used },

    { .opcode = OP_job_submit, .prepare = prepare_submit },
    { .opcode = OP_job_cancel },
    { .opcode = OP_job_hold },
    { .opcode = OP_job_uhold },
    { .opcode = OP_job_release },
    { .opcode = OP_job_requeue },
    { .opcode = OP_job_requeuehold },
    { .opcode = OP_job_suspend },
    { .opcode = OP_job_resume },
    { .opcode = OP_job_top },
    { .opcode = OP_job_modify },
    { .opcode = OP_job_through },
    { .opcode = OP_step_create },
    { .opcode = OP_step_watch },

    { .opcode = OP_node_modify },
    { .opcode = OP_part_modify },
    { .opcode = OP_reconfigure, .instead = do_reconfigure },
    { .opcode = OP_set_debug, .instead = do_set_debug },
    { .opcode = OP_shutdown },
};

const struct route *route_find(uint16_t opcode)
{
    for (unsigned i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (routes[i].opcode == opcode)
            return &routes[i];
    return NULL;
}
