/* TaskProlog and TaskEpilog: programs of the site's and of the user's choice, run as the user. */
#ifndef NODE_TASK_HOOK_H
#define NODE_TASK_HOOK_H

#include "node/task.h"

/* In the task's own process, streams open.  What they print changes the task: "export NAME=value",
 * "unset NAME", "print text".  0, or the exit code with which the task must end; it was said why.
 */
int task_prologs(const struct task_hooks *hooks, struct env *env, struct arena *a);

/* In a process of its own. */
void task_epilogs(const struct task_hooks *hooks, struct env *env, struct arena *a);

#endif
