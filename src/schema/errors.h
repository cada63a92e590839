/* Error numbers as Slurm's users know them, and what each means in words and in HTTP. */
#ifndef SCHEMA_ERRORS_H
#define SCHEMA_ERRORS_H

#define ERR(name, number, http, text) name = number,
enum error_number {
#include "schema/errors.def"
};
#undef ERR

/* Texts for a human: a row's, strerror for errno, else "Unknown error N".  Takes either sign. */
const char *errors_text(int code);
int errors_http(int code); /* 500 when the number is not in the table */

/* The enumerator as a string ("ESLURM_INVALID_JOB_ID"), NULL when the number is not in the table.
 */
const char *errors_name(int code);

#endif
