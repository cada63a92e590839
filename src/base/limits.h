/* Every bound in the suite.  Each has a tested behaviour when it is reached. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define HOSTLIST_MAX 65536u          /* names one host list may expand to */
#define HOSTNAME_LEN_MAX 255u        /* bytes of one host name */
#define FRAME_HEADER 16u             /* bytes */
#define FRAME_BODY_MAX (64u << 20)   /* bytes of one message body */
#define FRAME_UNAUTH_MAX (64u << 10) /* before the peer is known */
#define WIRE_DEPTH_MAX 16            /* nesting of messages */
#define WIRE_ALLOC_FACTOR 16         /* decoded memory <= factor * body + slack (R1) */
#define WIRE_ALLOC_SLACK (64u << 10)
#define SCRIPT_MAX (4u << 20)    /* bytes; Slurm's max_script_size */
#define ENV_MAX (32u << 20)      /* bytes of a job's environment (R9) */
#define ARRAY_TASKS_MAX 4000001u /* upper bound of MaxArraySize */
#define TURN_INPUTS_MAX 256u     /* inputs decided between two commits */
#define CONN_MAX 65536u
#define CONN_UNAUTH_MAX 1000u
#define CONN_UID_MAX 4096u /* from one user that is neither root nor the daemon's own */
#define CONN_OUT_MAX (256u << 20) /* bytes queued to one peer before it is dropped */
#define STEP_STDIN_WINDOW (256u << 10) /* input that srun may have sent and a node not taken */
#define STEP_OUT_MAX (1u << 20) /* output that waits for a client before pipes are left full */
#define STEP_TASKS_MAX (1u << 20) /* tasks of one step */
#define CONF_FILE_MAX (16u << 20) /* bytes of one configuration file */
#define CONF_INCLUDE_MAX 8u       /* files that include files */
#define JOB_ID_BLOCK 1000u        /* ids reserved in the journal at a time */
#define JOB_ID_MAX 67043328u      /* 0x03ff0000, Slurm's MaxJobId */
#define NODES_MAX 65536u

#endif
