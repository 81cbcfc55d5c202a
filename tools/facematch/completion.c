/* Completion for bash, from the tables that parsing and --help come from. */
#include <stdio.h>
#include <string.h>

#include "help.h"
#include "options.h"

/* Without options and their values, `words` begins with the command. `choices` are offered whatever
 * has been typed of the word, `options` where it begins like one; where neither is, file names. */
static const char HEAD[] =
    "_facematch()\n"
    "{\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local choices= options= i words=()\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n";

static const char SKIPPED[] = ") ((i++)) ;;\n"
                              "        -*) ;;\n"
                              "        *) words+=(\"${COMP_WORDS[i]}\") ;;\n"
                              "        esac\n"
                              "    done\n";

static const char TAIL[] = "    COMPREPLY=()\n"
                           "    if [[ -z $choices && $cur = -* ]]; then\n"
                           "        choices=$options\n"
                           "    fi\n"
                           "    if [[ -n $choices ]]; then\n"
                           "        mapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$cur\")\n"
                           "    fi\n"
                           "}\n"
                           "complete -o default -F _facematch facematch";

/* Is this the first entry of the table with its name? */
static bool is_first(const option_spec *spec)
{
    for (const option_spec *other = OPTIONS; other != spec; other++)
        if (strcmp(other->name, spec->name) == 0)
            return false;
    return true;
}

static bool is_first_of_group(const command *c)
{
    for (const command *other = COMMANDS; other != c; other++)
        if (other->group && strcmp(other->group, c->group) == 0)
            return false;
    return true;
}

/* Where an option takes a value, the next word is none of the command's. */
static void print_skipped(void)
{
    const char *between = "        ";
    for (const option_spec *spec = OPTIONS; spec->name; spec++) {
        if (!spec->argument || !is_first(spec))
            continue;
        printf("%s--%s", between, spec->name);
        between = " | ";
    }
    fputs(SKIPPED, stdout);
}

static void print_values(void)
{
    puts("    case $prev in");
    for (const option_spec *spec = OPTIONS; spec->name; spec++) {
        if (!spec->choices || !is_first(spec))
            continue;
        printf("    --%s) choices='", spec->name);
        for (const option_choice *choice = spec->choices; choice->name; choice++)
            printf("%s%s", choice == spec->choices ? "" : " ", choice->name);
        puts("' ;;");
    }
    puts("    esac");
}

/* Before there is a command, and after the first word of one of two words. */
static void print_beginnings(void)
{
    fputs("    '' | ' ') choices='", stdout);
    for (const command *c = COMMANDS; c->name; c++)
        if (!c->group || is_first_of_group(c))
            printf("%s%s", c == COMMANDS ? "" : " ", c->group ? c->group : c->name);
    puts("' ;;");
    for (const command *c = COMMANDS; c->name; c++) {
        if (!c->group || !is_first_of_group(c))
            continue;
        printf("    '%s ') choices='", c->group);
        for (const command *of = c; of->name; of++)
            if (of->group && strcmp(of->group, c->group) == 0)
                printf("%s%s", of == c ? "" : " ", of->name);
        puts("' ;;");
    }
}

static void print_commands(void)
{
    for (const command *c = COMMANDS; c->name; c++) {
        printf("    '%s%s%s'%s) options='", c->group ? c->group : c->name, " ",
               c->group ? c->name : "", c->group ? "" : "*");
        const char *between = "";
        for (const option_spec *spec = OPTIONS; spec->name; spec++) {
            if (!(spec->commands & c->bit))
                continue;
            printf("%s--%s", between, spec->name);
            between = " ";
        }
        puts("' ;;");
    }
}

void help_completion(void)
{
    fputs(HEAD, stdout);
    print_skipped();
    print_values();
    puts("    ((i > COMP_CWORD)) || case \"${words[0]-} ${words[1]-}\" in");
    print_beginnings();
    print_commands();
    puts("    esac");
    puts(TAIL);
}
