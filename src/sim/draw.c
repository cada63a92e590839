/* Plain SVG, written line by line: three panels over one axis of time. */
#include "sim/draw.h"

#include "base/cleanup.h"
#include "base/xalloc.h"

#include <errno.h>
#include <stdlib.h>

#define WIDTH 1000 /* of the panels, one bucket of time each */
#define LEFT 70
#define PANEL 140 /* height */
#define GAP 46
#define BARS 60u /* jobs in the chart */
#define BAR 6

/* What is summed up for each bucket of time. */
struct bucket {
    double busy_s; /* core seconds */
    double wait_s; /* seconds that jobs waited */
};

struct picture {
    FILE *out;
    const struct trace *t;
    const struct summary *s;
    double per_bucket; /* seconds */
    struct bucket *v;
};

/* Adds `weight` times the part of [from, until) that lies in each bucket. */
static void spread(struct picture *p, size_t member, int64_t from, int64_t until, double weight)
{
    double a = (double)(from - p->s->first) / p->per_bucket;
    double b = (double)(until - p->s->first) / p->per_bucket;

    for (int i = (int)a; i < WIDTH && i < b; i++) {
        double lo = a > i ? a : i, hi = b < i + 1 ? b : i + 1;
        *(double *)((char *)&p->v[i] + member) += (hi - lo) * p->per_bucket * weight;
    }
}

static void fill(struct picture *p)
{
    for (uint32_t i = 0; i < p->t->n; i++) {
        const struct sim_job *j = &p->t->v[i];
        if (j->start < 0)
            continue;
        spread(p, offsetof(struct bucket, busy_s), j->start, j->end, j->cores);
        spread(p, offsetof(struct bucket, wait_s), j->arrival, j->start, 1);
    }
}

static void text(struct picture *p, int x, int y, const char *what)
{
    fprintf(p->out, "<text x=\"%d\" y=\"%d\">%s</text>\n", x, y, what);
}

/* A filled curve; top is the value at the upper edge. */
static void panel(struct picture *p, int y, size_t member, double top, const char *colour)
{
    fprintf(p->out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" class=\"frame\"/>\n", LEFT,
            y, WIDTH, PANEL);
    fprintf(p->out, "<path fill=\"%s\" d=\"M%d,%d", colour, LEFT, y + PANEL);
    for (int i = 0; i < WIDTH; i++) {
        double v = *(const double *)((const char *)&p->v[i] + member) / top;
        fprintf(p->out, " L%d,%.1f", LEFT + i, y + PANEL * (1 - (v < 1 ? v : 1)));
    }
    fprintf(p->out, " L%d,%d Z\"/>\n", LEFT + WIDTH, y + PANEL);
}

static double longest_queue(const struct picture *p)
{
    double most = 1;

    for (int i = 0; i < WIDTH; i++)
        most = p->v[i].wait_s / p->per_bucket > most ? p->v[i].wait_s / p->per_bucket : most;
    return most;
}

static int by_size(const void *a, const void *b)
{
    const struct sim_job *x = *(const struct sim_job *const *)a;
    const struct sim_job *y = *(const struct sim_job *const *)b;
    double sx = (double)(x->end - x->start) * x->cores, sy = (double)(y->end - y->start) * y->cores;

    if (sx != sy)
        return sx > sy ? -1 : 1;
    return x < y ? -1 : x > y;
}

static double at(const struct picture *p, int64_t time)
{
    return LEFT + (double)(time - p->s->first) / p->per_bucket;
}

/* The jobs with most core seconds, each a line: pale while it waited, dark while it ran. */
static void gantt(struct picture *p, int y)
{
    const struct sim_job **largest = xcalloc(p->t->n, sizeof *largest);
    uint32_t n = 0;

    for (uint32_t i = 0; i < p->t->n; i++)
        if (p->t->v[i].start >= 0)
            largest[n++] = &p->t->v[i];
    qsort(largest, n, sizeof *largest, by_size);
    for (uint32_t i = 0; i < n && i < BARS; i++) {
        const struct sim_job *j = largest[i];
        int row = y + (int)i * (BAR + 1);
        fprintf(p->out,
                "<g><title>job %u of user %u: %u cores, waited %lld s, ran %lld s</title>"
                "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"#f3c98b\"/>"
                "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"#2f6f9f\"/></g>\n",
                j->job_id, j->user, j->cores, (long long)(j->start - j->arrival),
                (long long)(j->end - j->start), at(p, j->arrival), row,
                at(p, j->start) - at(p, j->arrival), BAR, at(p, j->start), row,
                at(p, j->end) - at(p, j->start) + 0.5, BAR);
    }
    free(largest);
}

static void axis(struct picture *p, int y)
{
    for (int i = 0; i <= 10; i++)
        fprintf(p->out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%.1f d</text>\n",
                LEFT + i * WIDTH / 10, y, p->per_bucket * WIDTH / 86400 * i / 10);
}

static void draw(struct picture *p)
{
    int queue_y = GAP + PANEL + GAP, gantt_y = queue_y + PANEL + GAP;
    int height = gantt_y + (int)BARS * (BAR + 1) + GAP;
    double most = longest_queue(p);
    char heading[120];

    fprintf(p->out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "font-family=\"sans-serif\" font-size=\"12\">\n"
            "<style>.frame{fill:#fff;stroke:#999}</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fafafa\"/>\n",
            LEFT + WIDTH + 40, height);
    snprintf(heading, sizeof heading, "cores in use, of %u: %.1f %% over all", p->s->cores,
             100 * p->s->utilisation);
    text(p, LEFT, GAP - 8, heading);
    panel(p, GAP, offsetof(struct bucket, busy_s), p->per_bucket * p->s->cores, "#2f6f9f");
    snprintf(heading, sizeof heading,
             "jobs waiting, at most %.0f: mean wait %.0f s, mean bounded slowdown %.2f", most,
             p->s->wait.mean, p->s->slowdown.mean);
    text(p, LEFT, queue_y - 8, heading);
    panel(p, queue_y, offsetof(struct bucket, wait_s), p->per_bucket * most, "#d98032");
    text(p, LEFT, gantt_y - 8,
         "the largest jobs by core time: pale while they waited, dark while they ran");
    gantt(p, gantt_y);
    axis(p, height - GAP / 2);
    fprintf(p->out, "</svg>\n");
}

int draw_svg(const struct trace *t, const struct summary *s, const char *path, struct err *e)
{
    CLEANUP(fclosep) FILE *out = fopen(path, "we");
    CLEANUP(freep) struct bucket *v = xcalloc(WIDTH, sizeof *v);
    struct picture p = { .out = out, .t = t, .s = s, .v = v };

    if (!out)
        return err_errno(e, "open %s", path);
    p.per_bucket = (double)(s->makespan > 0 ? s->makespan : 1) / WIDTH;
    fill(&p);
    draw(&p);
    if (fflush(out) != 0 || ferror(out))
        return err_errno(e, "write %s", path);
    return 0;
}
