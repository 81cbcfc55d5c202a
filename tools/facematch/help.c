#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "output.h"

enum { WIDTH = 80, OPTION_COLUMN = 26 };

static const char PURPOSE[] = "is this the person they claim to be, and who of the people I know "
                              "is this?";

static const char STATUSES[] =
    "Exit status: 0 yes, or done; 1 no (no match, nobody, no face found "
    "by detect); 2 error. Of several photographs all are worked on, and "
    "the worst status wins. Where the reader of the output goes away "
    "before its end, as head does, the work ends with 2, without a message.";

static const char INPUT[] = "One photograph may be -: it is read from standard input.";

static const char LOOKUP[] =
    "Models are looked for in --models-dir, $FACEMATCH_MODELS, ./models "
    "and ~/.local/share/facematch/models; scripts/setup.sh builds them, and so does "
    "facematch-models.";

/* Words of text, from column `at` on, every further line indented. */
static void print_wrapped(const char *text, int at, int indent)
{
    bool first = true;
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (!first && at + 1 + length > WIDTH) {
            printf("\n%*s", indent, "");
            at = indent;
            first = true;
        }
        at += printf("%s%.*s", first ? "" : " ", length, text);
        first = false;
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

/* Calls print for each line of text. */
static void each_line(const char *text, const command *c,
                      void (*print)(const command *c, const char *line, int length))
{
    for (;;) {
        int length = (int)strcspn(text, "\n");
        print(c, text, length);
        if (!text[length])
            return;
        text += length + 1;
    }
}

static void print_usage(const command *c, const char *line, int length)
{
    printf("  facematch %s%s%s [OPTION]...%s%.*s\n", c->group ? c->group : "", c->group ? " " : "",
           c->name, length ? " " : "", length, line);
}

static void print_example(const command *c, const char *line, int length)
{
    (void)c;
    printf("  facematch %.*s\n", length, line);
}

static void print_options(uint32_t commands)
{
    for (const option_spec *spec = OPTIONS; spec->name; spec++) {
        if (!(spec->commands & commands))
            continue;
        int used = printf("  --%s%s%s", spec->name, spec->argument ? " " : "",
                          spec->argument ? spec->argument : "");
        if (used >= OPTION_COLUMN)
            putchar('\n');
        printf("%*s", used >= OPTION_COLUMN ? OPTION_COLUMN : OPTION_COLUMN - used, "");
        print_wrapped(spec->text, OPTION_COLUMN, OPTION_COLUMN);
    }
}

static void show_command(const command *c)
{
    printf("facematch %s%s%s: %s\n\n", c->group ? c->group : "", c->group ? " " : "", c->name,
           c->summary);
    each_line(c->synopsis, c, print_usage);
    putchar('\n');
    print_wrapped(c->text, 0, 0);
    if (c->bit & FOR_PHOTOGRAPHS)
        print_wrapped(INPUT, 0, 0);
    puts("\nOptions:");
    print_options(c->bit);
    puts("\nExamples:");
    each_line(c->examples, c, print_example);
    putchar('\n');
    print_wrapped(STATUSES, 0, 0);
}

/* One line per command, of one group or of all; false: there is none. */
static bool list_commands(const char *group)
{
    bool any = false;
    for (const command *c = COMMANDS; c->name; c++) {
        if (group && (!c->group || strcmp(c->group, group) != 0))
            continue;
        char *name = out_format("%s%s%s", c->group ? c->group : "", c->group ? " " : "", c->name);
        printf("  %-18s %s\n", name, c->summary);
        free(name);
        any = true;
    }
    return any;
}

static void show_program(void)
{
    printf("facematch %s: ", fm_version());
    print_wrapped(PURPOSE, 17, 2);
    puts("\nCommands:");
    list_commands(NULL);
    puts("\nOptions of every command:");
    for (const option_spec *spec = OPTIONS; spec->name; spec++)
        if (spec->commands == FOR_ALL)
            printf("  --%s%s%s\n", spec->name, spec->argument ? " " : "",
                   spec->argument ? spec->argument : "");
    puts("\nfacematch COMMAND --help explains a command, with examples.\n");
    print_wrapped(LOOKUP, 0, 0);
    putchar('\n');
    print_wrapped(STATUSES, 0, 0);
}

int help_show(const char *const *words, size_t count)
{
    size_t used = 0;
    const command *c = options_find_command(words, count, &used);
    if (c) {
        show_command(c);
        return ANSWER_YES;
    }
    if (count == 0) {
        show_program();
        return ANSWER_YES;
    }
    if (list_commands(words[0]))
        return ANSWER_YES;
    options_unknown_command(words, count);
    return ANSWER_ERROR;
}

/* Text as troff: hyphens stay hyphens, and no line becomes a request. */
static void print_troff(const char *text, size_t length)
{
    if (length && (text[0] == '.' || text[0] == '\''))
        fputs("\\&", stdout);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '-')
            fputs("\\-", stdout);
        else if (text[i] == '\\')
            fputs("\\e", stdout);
        else if (text[i] == '\'')
            fputs("\\(aq", stdout);
        else
            putchar(text[i]);
    }
}

static void man_paragraph(const char *text)
{
    print_troff(text, strlen(text));
    putchar('\n');
}

static void man_usage(const command *c, const char *line, int length)
{
    printf(".br\n\\fBfacematch %s%s%s\\fR [\\fIOPTION\\fR]... ", c->group ? c->group : "",
           c->group ? " " : "", c->name);
    print_troff(line, (size_t)length);
    putchar('\n');
}

static void man_example(const command *c, const char *line, int length)
{
    (void)c;
    fputs("facematch ", stdout);
    print_troff(line, (size_t)length);
    putchar('\n');
}

static void man_option(const option_spec *spec)
{
    fputs(".TP\n\\fB\\-\\-", stdout);
    print_troff(spec->name, strlen(spec->name));
    printf("\\fR");
    if (spec->argument) {
        fputs(" \\fI", stdout);
        print_troff(spec->argument, strlen(spec->argument));
        fputs("\\fR", stdout);
    }
    putchar('\n');
    man_paragraph(spec->text);
}

static void man_command(const command *c)
{
    printf(".SS \"%s%s%s\"\n", c->group ? c->group : "", c->group ? " " : "", c->name);
    each_line(c->synopsis, c, man_usage);
    puts(".PP");
    man_paragraph(c->text);
    if (c->bit & FOR_PHOTOGRAPHS)
        man_paragraph(INPUT);
    for (const option_spec *spec = OPTIONS; spec->name; spec++)
        if ((spec->commands & c->bit) && spec->commands != FOR_ALL)
            man_option(spec);
    puts(".PP\n.nf");
    each_line(c->examples, c, man_example);
    puts(".fi");
}

void help_man(void)
{
    printf(".TH FACEMATCH 1 \"\" \"facematch %s\"\n", fm_version());
    puts(".SH NAME\nfacematch \\- verify and identify people by their faces");
    puts(".SH SYNOPSIS\n.B facematch\n\\fICOMMAND\\fR [\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...");
    puts(".SH DESCRIPTION\nAnswers two questions about a face in a photograph:");
    man_paragraph(PURPOSE);
    puts("One reference photograph per person is enough.\n.PP");
    man_paragraph(LOOKUP);
    puts(".SH OPTIONS OF EVERY COMMAND");
    for (const option_spec *spec = OPTIONS; spec->name; spec++)
        if (spec->commands == FOR_ALL)
            man_option(spec);
    puts(".SH COMMANDS");
    for (const command *c = COMMANDS; c->name; c++)
        man_command(c);
    puts(".SH EXIT STATUS");
    man_paragraph(STATUSES);
    puts(".SH ENVIRONMENT\n.TP\n.B FACEMATCH_MODELS\nA folder in which models are looked for.");
    puts(".SH SEE ALSO\n.BR facematch\\-models (1)");
}
