/* The third place a log line can go.  libc keeps the connection. */
#include "base/log_syslog.h"

#include <syslog.h>

void log_syslog_open(const char *program)
{
    openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void log_syslog_write(int severity, const char *text)
{
    syslog(severity, "%s", text);
}
