package facematch_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func withoutIndent(text string) string {
	return regexp.MustCompile(`(?m)^[ \t]+`).ReplaceAllString(text, "")
}

// TestDocs runs the programs of docs/start-go.md, and looks its other pieces, and those of the README, up in the
// examples, which run.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/start-go.md")
	if err != nil {
		t.Skip(err)
	}
	page = append(page, must(os.ReadFile("../../README.md"))...)
	examples := withoutIndent(string(must(os.ReadFile("example_test.go"))))
	programs := 0
	for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if strings.HasPrefix(block[1], "package main") {
			programs++
			runProgram(t, block[1])
		} else if !strings.Contains(examples, withoutIndent(block[1])) {
			t.Errorf("no example has\n%s", block[1])
		}
	}
	if programs == 0 {
		t.Error("there is no program")
	}
}

func runProgram(t *testing.T, text string) {
	t.Helper()
	needReal(t)
	text = strings.ReplaceAll(text, `"models/`, `"`+must(filepath.Abs(models))+"/")
	path := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "run", path, photos+"/obama.jpg", photos+"/biden.jpg").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "the same person: false") {
		t.Errorf("%v: %s", err, out)
	}
}
