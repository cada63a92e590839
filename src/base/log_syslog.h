/* syslog(3) behind two calls, in a file of its own because <syslog.h> has its own LOG_INFO. */
#ifndef BASE_LOG_SYSLOG_H
#define BASE_LOG_SYSLOG_H

void log_syslog_open(const char *program); /* kept, not copied */
void log_syslog_write(int severity, const char *text); /* 3 error, 6 information, 7 debugging */

#endif
