package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Whatever is wrong with a configuration, its secrets are not told.
func TestSecretsAreNotTold(t *testing.T) {
	const canary = "cAnArY"
	files := []string{
		"http_output: {enabled: true, url: 'https://user:cAnArY@example.com/cAnArY?t=cAnArY', headers: {Authorization: Bearer cAnArY}}",
		"http_output: {url: 'gopher://cAnArY'}", "http_output: {url: 'cAnArY'}", "http_output: {url: [cAnArY]}", "http_output: {url: {a: cAnArY}}",
		"http_output: {url: 'http://cAnArY\\x00'}", "http_output: {url: \"http://cAnArY:x y@%zz\"}",
		"http_output: {headers: cAnArY}", "http_output: {headers: [cAnArY]}", "http_output: {headers: {A: [cAnArY]}}", "http_output: {headers: {A: \"cAnArY\\n\"}}", "http_output: {headers: {A: {b: cAnArY}}}",
		"http_output: cAnArY", "http_output: [cAnArY]",
		"program_output: {enabled: true, program: 'curl -H cAnArY', argv: [curl, cAnArY]}", "program_output: {program: [cAnArY]}", "program_output: {argv: [[cAnArY]]}", "program_output: {argv: {a: cAnArY}}",
		"http_output: {url: *cAnArY}", "http_output: {url: 'cAnArY", "http_output:\n  url: cAnArY: x", "http_output: {url: \"cAnArY\\q\"}", "http_output: {url: !!cAnArY x}", "http_output: {url: @cAnArY}",
		"http_output: {url: ${SECRET}}", "http_output: {url: \"https://${SECRET}/\", headers: {A: \"${SECRET}\"}, enabled: ${SECRET}}", "log_level: ${SECRET}", "rules_files: [{a: ${SECRET}}]",
		"plugins: [{name: k8saudit, init_config: '{\"a\": cAnArY'}]", "plugins: [{name: k8saudit, init_config: 'cAnArY'}]",
	}
	options := [][]string{
		nil, {"http_output.url=cAnArY"}, {"http_output.url={a: cAnArY"}, {"http_output.headers=cAnArY"}, {"http_output.headers={A: cAnArY}"}, {"http_output.headers.Authorization=Bearer cAnArY"},
		{"program_output.argv[]=cAnArY"}, {"http_output.url[x]=cAnArY"}, {"http_output.url.x=cAnArY"}, {"http_output.url[5]=cAnArY"}, {"=cAnArY"}, {"http_output.url:https://cAnArY"},
	}
	env := []string{"SECRET", canary, "SAKER_HTTP_OUTPUT_HEADERS", "{A: cAnArY", "SAKER_PROGRAM_OUTPUT_ARGV", "{cAnArY: x}"}
	for i, file := range files {
		for j, option := range options {
			if i > 1 && j > 0 {
				continue // the options are tried with two files
			}
			for _, env := range [][]string{env[:2], env} {
				c, warnings, err := load(write(t, file+"\n"), option, env...)
				effective, encodeErr := json.Marshal(c.Effective())
				if encodeErr != nil {
					t.Fatal(encodeErr)
				}
				seen := fmt.Sprint(warnings, err, string(effective))
				seen += fmt.Sprintf("%v %+v %#v", c.Outputs.HTTP, c.Outputs.HTTP, c.Outputs.HTTP)
				if strings.Contains(strings.ToLower(seen), strings.ToLower(canary)) {
					t.Fatalf("%s %q %q: told in %s", file, option, env, seen)
				}
			}
		}
	}
}
