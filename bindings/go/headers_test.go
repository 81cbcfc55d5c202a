package facematch_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// notNeeded are laid out alike on both sides (x and y), or of pictures that are made into RGBA first.
var notNeeded = []string{
	"FM_OK", "reserved", "struct_size", "x", "y", "FM_PIXEL_RGB8", "FM_PIXEL_BGR8", "FM_PIXEL_BGRA8", "FM_PIXEL_GRAY8",
}

// TestHeaders finds functions, constants and members of structs of the headers that nothing here uses: what is new in
// the library shall not be forgotten.
func TestHeaders(t *testing.T) {
	headers := must(filepath.Glob("../../include/facematch/*.h"))
	if len(headers) == 0 {
		t.Skip("the headers are not beside this package")
	}
	var code strings.Builder
	for _, pattern := range []string{"*.go", "*.c"} {
		for _, path := range must(filepath.Glob(pattern)) {
			if !strings.HasSuffix(path, "_test.go") {
				code.Write(must(os.ReadFile(path)))
			}
		}
	}
	comments := regexp.MustCompile(`(?s)/\*.*?\*/`)
	names := []*regexp.Regexp{
		regexp.MustCompile(`\b(fm_[a-z0-9_]+)\(`),                              // functions
		regexp.MustCompile(`(?m)^ +(FM_[A-Z0-9_]+) = `),                        // constants
		regexp.MustCompile(`enum \{ (FM_[A-Z0-9_]+) = `),                       // constants in a line
		regexp.MustCompile(`, (FM_[A-Z0-9_]+) = `),                             // further ones
		regexp.MustCompile(`(?m)^    [a-z_0-9 ]+[ *]([a-z_0-9]+)(?:\[.*\])?;`), // members
	}
	used := map[string]bool{}
	for _, word := range regexp.MustCompile(`[A-Za-z0-9_]+`).FindAllString(code.String(), -1) {
		used[word] = true
	}
	for _, word := range notNeeded {
		used[word] = true
	}
	for _, path := range headers {
		text := comments.ReplaceAllString(string(must(os.ReadFile(path))), "")
		for _, name := range names {
			for _, found := range name.FindAllStringSubmatch(text, -1) {
				if !used[found[1]] && !strings.Contains(text, "(*"+found[1]+")") {
					t.Errorf("%s: %s is not used", filepath.Base(path), found[1])
				}
			}
		}
	}
}
