#include "page.h"

#include <stdlib.h>
#include <string.h>

#include "output.h"

static const char STYLE[] =
    "*{box-sizing:border-box}"
    "body{margin:0;background:#f4f5f7;color:#1c2128;font:16px/1.55 system-ui,-apple-system,"
    "'Segoe UI',Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif}"
    "main{max-width:1180px;margin:0 auto;padding:0 20px 48px}"
    "header{background:#14304a;color:#fff;padding:34px 0 74px}"
    "header div{max-width:1180px;margin:0 auto;padding:0 20px}"
    "h1{font-size:clamp(1.5rem,1.1rem + 1.8vw,2.2rem);line-height:1.2;margin:0 0 8px}"
    "header p{margin:0;color:#d5e2ee;max-width:64em}"
    "h2{font-size:1.25rem;margin:0 0 4px}h3{font-size:1.02rem;margin:18px 0 0}"
    "section{background:#fff;border:1px solid #dfe3e8;border-radius:12px;padding:22px 24px;"
    "margin:20px 0}"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:14px;"
    "margin:-48px 0 0;padding:0;list-style:none}"
    ".tiles li{background:#fff;border:1px solid #dfe3e8;border-radius:12px;padding:14px 18px;"
    "box-shadow:0 2px 8px rgba(20,48,74,.10)}"
    ".tiles b{display:block;font-size:1.7rem;line-height:1.25;font-variant-numeric:tabular-nums}"
    ".tiles span{display:block;color:#4d5763;font-size:.88rem}"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));"
    "gap:20px;margin:20px 0}.charts section{margin:0}"
    ".three{grid-template-columns:repeat(auto-fit,minmax(min(100%,330px),1fr))}"
    "@media(min-width:1080px){.three svg text{font-size:16px}}"
    "figure{margin:0}figcaption,.note{color:#4d5763;font-size:.9rem;margin:6px 0 0}"
    "svg{display:block;width:100%;height:auto;margin-top:10px}"
    "svg text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,Arial,'DejaVu Sans',sans-serif;"
    "fill:#3b444f}"
    ".scroll{overflow-x:auto;margin-top:12px}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.94rem}"
    "caption{text-align:left;font-weight:600;padding:8px 0}"
    "th,td{text-align:right;padding:8px 12px;border-bottom:1px solid #e6e9ed;white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left;padding-left:0}"
    "thead th{color:#4d5763;font-weight:600;border-bottom:2px solid #cfd5dc}"
    "td small{color:#4d5763;font-size:.85em;margin-left:.4em}"
    ".text td,.text th{text-align:left;white-space:normal;overflow-wrap:anywhere}"
    ".pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,232px),1fr));"
    "gap:16px;margin:12px 0 22px;padding:0;list-style:none}"
    ".pairs li{border:1px solid #dfe3e8;border-radius:10px;padding:10px;background:#fafbfc}"
    ".pairs div{display:grid;grid-template-columns:1fr 1fr;gap:6px}"
    ".pairs img{width:100%;aspect-ratio:1;object-fit:cover;border-radius:6px;display:block}"
    ".pairs.single div{grid-template-columns:1fr}"
    ".pairs p{margin:8px 0 0;font-size:.86rem;line-height:1.4;overflow-wrap:anywhere}"
    "footer{color:#4d5763;font-size:.9rem}footer p{margin:0 0 8px;max-width:72em}"
    "@media(max-width:720px){td small{display:block;margin:0}th,td{padding:7px 6px;"
    "white-space:normal}table{font-size:.84rem}}"
    "@media(max-width:520px){svg text{font-size:17px}section{padding:18px 16px}main,header "
    "div{padding-left:12px;"
    "padding-right:12px}.pairs{grid-template-columns:1fr 1fr;gap:10px}.pairs li{padding:7px}}"
    "@media print{body{background:#fff}section,.tiles li{break-inside:avoid;box-shadow:none}}";

void page_text(FILE *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
        }
}

void page_begin(FILE *out, const char *title, const char *subject, const char *summary)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<link rel=\"icon\" href=\"data:,\">\n<title>",
          out);
    page_text(out, title);
    fputs(" - ", out);
    page_text(out, subject);
    fprintf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n<header><div>\n<h1>", STYLE);
    page_text(out, title);
    fputs(": ", out);
    page_text(out, subject);
    fputs("</h1>\n<p>", out);
    page_text(out, summary);
    fputs("</p>\n</div></header>\n<main>\n", out);
}

void page_end(FILE *out)
{
    fputs("</main>\n</body>\n</html>\n", out);
}

void page_tile(FILE *out, const char *value, const char *label)
{
    fprintf(out, "<li><b>%s</b><span>%s</span></li>\n", value, label);
}

bool page_is_html(const char *path)
{
    size_t length = strlen(path), ending = strlen(".html");
    return length > ending && strcmp(path + length - ending, ".html") == 0;
}

char *page_twin(const char *path)
{
    return out_format("%.*s.json", (int)(strlen(path) - strlen(".html")), path);
}
