package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Everything that is wrong is told in one run, each with its place, and nothing of a secret.
func TestAllMistakes(t *testing.T) {
	path := write(t, `rules: [{disable: {rule: }}, {enabel: {tag: x}}, {enable: {tag: [x]}}, x]
http_output:
  url: "http://example.com/a secret"
  headers: {"bad name": s3cret, "other bad": s3cret, Good: "s3cret\n"}
append_output:
  - {extra_output: [x], suggested_output: perhaps, match: {tags: {a: b}}, extra_fields: [[x]]}
  - {extra_output: {a: b}}
static_fields: {a: [x], b: {c: d}}
webserver: {ssl_enabled: true, ssl_certificate: /missing/server.pem}
config_files: [{path: [x]}, {path: x, strategy: replace}]
`)
	_, _, err := load(path, []string{"a..b=1", ".a=1", "a.=1", "a[0]..b=1"})
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		"PATH:1:19: key rules[0].disable: names neither a rule nor a tag",
		"PATH:1:30: key rules[1]: has neither enable nor disable",
		"PATH:1:59: key rules[2].enable: tag: must be a single value",
		"PATH:1:72: key rules[3]: must be a mapping, such as disable: {rule: NAME} or enable: {tag: TAG}",
		"PATH:3:8: key http_output.url: there is a blank or a control character in the address; write %20 for a blank that belongs there",
		`PATH:4:13: key http_output.headers: bad name is no header`,
		`PATH:4:33: key http_output.headers: other bad is no header`,
		"PATH:4:60: key http_output.headers: the value of Good has a line break or a zero byte in it",
		"PATH:6:5: key append_output[0]: extra_output: must be a single value",
		`PATH:6:5: key append_output[0]: suggested_output: "perhaps" is neither true nor false`,
		"PATH:6:5: key append_output[0]: match: tags: must be a single value",
		"PATH:6:5: key append_output[0]: extra_fields: number 0 must be",
		"PATH:7:5: key append_output[1]: extra_output: must be a single value",
		"PATH:8:20: key static_fields: a: must be a single value",
		"PATH:8:28: key static_fields: b: must be a single value",
		"PATH:9:49: key webserver.ssl_certificate: /missing/server.pem cannot be used: no such file or directory; name a PEM file with the certificate and its key",
		"PATH:10:16: key config_files[0]: path: must be a single value",
		`PATH:10:49: key config_files[1].strategy: "replace" is not allowed`,
		`-o a..b: the key "a..b" has no name before the point number 2`,
		`-o .a: the key ".a" has no name before the point number 1`,
		`-o a.: the key "a." has no name after its last point`,
		`-o a[0]..b: the key "a[0]..b" has no name before the point number 2`,
	}
	got := strings.Split(strings.ReplaceAll(err.Error(), path, "PATH"), "\n")
	for i := range got {
		if i < len(want) && strings.HasPrefix(got[i], want[i]) {
			got[i] = want[i]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "a secret") {
		t.Errorf("a secret in:\n%v", err)
	}
}

// What the parser of YAML asks for is told, what it found is not.
func TestNotYAML(t *testing.T) {
	for text, want := range map[string]string{
		"a: [s3cret":                    `did not find expected ',' or ']'`,
		"a: {b: s3cret":                 `did not find expected ',' or '}'`,
		"a:\n- s3cret\nb":               `could not find expected ':'`,
		"a: *s3cret":                    "unknown anchor ... referenced",
		"a: %s3cret":                    "found character that cannot start any token",
		"a: \"s3cret":                   "found unexpected end of stream",
		"\xff\xfea\x00:\x00 \x001\x00":  "this is not UTF-8 but UTF-16; save the file as UTF-8",
		"\xfe\xff\x00a\x00:\x00 \x001":  "this is not UTF-8 but UTF-16; save the file as UTF-8",
		"a\x00:\x00 \x001\x00\n\x00":    "this is not UTF-8 but UTF-16; save the file as UTF-8",
		"a: s3cr\xe9t":                  "this is not UTF-8; save the file as UTF-8",
		"\xef\xbb\xbfjson_output: true": "",
	} {
		_, _, err := load(write(t, text), nil)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cr")):
			t.Errorf("%q: %v", text, err)
		}
	}
}
