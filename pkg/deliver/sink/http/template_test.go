package http

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/internal/fakesink"
	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver/secret"
)

func TestTemplate(t *testing.T) {
	for text, want := range map[string]string{
		`{{.Rule}}|{{.Priority}}|{{.Source}}|{{.Hostname}}`: "rule 7|Emergency|syscall|host",
		`{{.ID}}`: newAlert(7).ID,
		`{{.Time.Format "2006-01-02T15:04:05Z07"}}`: "2023-11-14T22:13:20Z",
		`{{.Output}}`:                                        "2023-11-14T22:13:20.000000007+0000: Emergency a message\n\"of\" two <lines>",
		`{{json .Message}}`:                                  `"a message\n\"of\" two <lines>"`,
		`{{json .Tags}} {{join ", " .Tags}}`:                 `["a","b"] a, b`,
		`{{index .Fields "proc.name"}}`:                      "cat",
		`{{index .Fields "proc.pid"}}`:                       "12345678901234567",
		`{{json (index .Fields "fd.types")}}`:                `["x",1]`,
		`{{join "-" (index .Fields "fd.types")}}`:            "x-1",
		`{{.Field "proc.name"}}{{.Field "none"}}`:            "cat",
		`{{.Field "fd.types"}}`:                              `["x",1]`,
		`{{.Field "none" | default "nobody"}}`:               "nobody",
		`{{.Rule | default "x" | upper | lower}}`:            "rule 7",
		`{{truncate 5 .Rule}} {{truncate 4 "äöü"}}`:          "rule… äöü",
		`{{truncate 0 .Rule}}{{truncate 1 .Rule}}`:           "…",
		`{{if contains "mess" .Message}}y{{end}}`:            "y",
		`{{trim " a "}}{{print 1 "b"}}{{println}}`:           "a1b\n",
		`{{printf "%05d %s" 7 .Rule}}`:                       "00007 rule 7",
		`{{printf "*%s* 10000 %6.2f%%" "a" 1.5}}`:            "*a* 10000   1.50%",
		`{{html "<"}}{{js "'"}}{{urlquery "a b"}}`:           `&lt;\'a+b`,
		`{{range $i, $t := .Tags}}{{$i}}{{$t}}{{end}}`:       "0a1b",
		`{{define "x"}}[{{.}}]{{end}}{{template "x" .Rule}}`: "[rule 7]",
	} {
		parsed, err := parseTemplate(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := parsed.execute([]byte("before "), newAlert(7), true)
		if diff := cmp.Diff("before "+want, string(got)); diff != "" || err != nil {
			t.Errorf("%s: %v %s", text, err, diff)
		}
	}
}

// TestDocumentedTemplates: the examples of the documentation make JSON.
func TestDocumentedTemplates(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/http-output.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := strings.Split(string(page), "```gotemplate\n")[1:]
	if len(examples) != 2 {
		t.Errorf("%d examples", len(examples))
	}
	for _, example := range examples {
		text, _, _ := strings.Cut(example, "```")
		parsed, err := parseTemplate(text)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := parsed.execute(nil, newAlert(1), false); err != nil || !json.Valid(out) {
			t.Errorf("%s, %v", out, err)
		}
	}
}

func TestWrongTemplates(t *testing.T) {
	for text, want := range map[string]string{
		"{{.Rule":                       "template: line 1, column 1: unclosed action",
		"a\n  {{.Rule}} {{nothing .X}}": `template: line 2, column 13: function "nothing" not defined`,
		"{{if .Rule}}":                  "template: line 1, column 1: unexpected EOF",
		"{{.Rule}}\n{{end}}":            "template: line 2, column 1: unexpected {{end}}",
		"é {{.Rule.Name}}":              "template: line 1, column 11: at <.Rule.Name>: can't evaluate field Name in type string",
		"{{.URL}}":                      "template: line 1, column 3: at <.URL>: can't evaluate field URL; there are .ID .Rule",
		"{{upper}}":                     "template: line 1, column 3: at <upper>: wrong number of args",
		"{{env \"HOME\"}}":              `template: line 1, column 1: function "env" not defined`,
		strings.Repeat("x", 65<<10):     "template: 66560 bytes are more than 65536",
		strings.Repeat("\n", 9) + "{{":  "template: line 10, column 1: unclosed action",
	} {
		if _, err := parseTemplate(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.40q: error %v, want %q", text, err, want)
		}
	}
}

// endless are templates that would take all memory or time without limits.
var endless = map[string]string{
	`{{range 9223372036854775807}}{{end}}`:                                                                 "more than 10000 steps",
	`{{range 9223372036854775807}}{{if false}}{{else}}{{continue}}{{end}}{{end}}`:                          "more than 10000 steps",
	`{{range 100000}}{{range 100000}}{{range 100000}}{{end}}{{end}}{{end}}`:                                "more than 10000 steps",
	`{{range 9000}}{{printf "%999d" 1}}{{end}}`:                                                            "more than 1048576 bytes of output",
	`{{define "x"}}{{template "x" .}}{{end}}{{template "x" .}}`:                                            "more than 10000 steps",
	`{{define "x"}}{{template "x" .}}{{template "x" .}}{{end}}{{template "x" .}}`:                          "more than 10000 steps",
	`{{$x := "0123456789"}}{{range 1000}}{{$x = print $x $x}}{{end}}`:                                      "a text of more than 1048576 bytes",
	`{{$x := "0123456789"}}{{range 1000}}{{$x = printf "%s%s%s" $x $x $x}}{{end}}`:                         "a text of more than 1048576 bytes",
	`{{$x := "0123456789"}}{{range 1000}}{{$x = printf "%[1]q%[1]q%[1]q" $x}}{{end}}`:                      "a text of more than 1048576 bytes",
	`{{$x := "<<<<<<<<<<"}}{{range 1000}}{{$x = html $x}}{{end}}`:                                          "",
	`{{$x := "\\\\\\\\\\\\"}}{{range 1000}}{{$x = json $x}}{{end}}`:                                        "a text of more than 1048576 bytes",
	`{{$x := "ab"}}{{range 1000}}{{$x = join $x .Tags}}{{end}}`:                                            "can't evaluate field Tags",
	`{{$t := .Tags}}{{$x := "ab"}}{{range 1000}}{{$x = join $x $t | printf "%s%s" $x}}{{end}}`:             "a text of more than 1048576 bytes",
	`{{printf "%1000000d" 1}}`:                                                                             "a width has three digits at most",
	`{{printf "%%%+[1]*[2]d" 1000000 1}}`:                                                                  "no width can be taken from an argument",
	`{{printf "%.99999f" 1.5}}`:                                                                            "a width has three digits at most",
	`{{printf "%*d" 1000000 1}}`:                                                                           "no width can be taken from an argument",
	`{{range 2000}}{{$x := printf "%999d%999d%999d%999d%999d%999d" 1 2 3 4 5 6}}{{end}}{{index .Tags 99}}`: "index out of range",
}

func TestTemplateLimits(t *testing.T) {
	for text, want := range endless {
		parsed, err := parseTemplate(text)
		if err == nil {
			parsed.time = time.Hour // on a slow machine the other limits are met first, too
			var out []byte
			out, err = parsed.execute(nil, newAlert(1), false)
			if err != nil && out != nil {
				t.Errorf("%s: %d bytes left", text, len(out))
			}
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error %.300v, want %q", text, err, want)
		}
	}
	slow, err := parseTemplate(`{{range 10}}{{end}}`)
	if err != nil {
		t.Fatal(err)
	}
	slow.time = -1
	if _, err := slow.execute(nil, newAlert(1), false); err == nil || !strings.Contains(err.Error(), "it takes too long") {
		t.Error(err)
	}
}

// TestFallback: an alert for which the template fails is sent without it, counted, and told once.
func TestFallback(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{})
	var l logs
	s := open(t, Settings{URL: secret.New(server.URL), Template: `{"third": {{json (index .Tags 2)}}}`}, Options{Warn: func(err error) { l.add(err.Error()) }})
	short, long := newAlert(1), newAlert(2)
	short.Tags = []string{"x\x1b[2J"}
	long.Tags = []string{"a", "b", "c"}
	if err := s.Send(t.Context(), []*alert.Alert{short, long, short}); err != nil {
		t.Fatal(err)
	}
	plain := string(renderJSON(nil, short)) + "\n"
	if diff := cmp.Diff(plain+`{"third":"c"}`+"\n"+plain, string(server.Wait(t, 1)[0].Body)); diff != "" {
		t.Error(diff)
	}
	if s.Fallbacks() != 2 {
		t.Errorf("%d fallbacks", s.Fallbacks())
	}
	if len(l.lines) != 1 || !strings.Contains(l.text(), "line 1, column 19") || strings.Contains(l.text(), "\x1b") {
		t.Errorf("logged %q", l.lines)
	}
}

// TestTemplateSeesNoSecrets: an alert is all that a template can reach.
func TestTemplateSeesNoSecrets(t *testing.T) {
	server := fakesink.Start(t, fakesink.Options{})
	s := open(t, Settings{
		URL: secret.New(server.URL + "/canary"), Headers: map[string]secret.Text{"X-Token": secret.New("canary")},
		Template: `{{printf "%v %+v %#v" . . $}} {{json .}}`,
	}, Options{})
	if err := s.Send(t.Context(), newBatch(1)); err != nil || s.Fallbacks() != 0 {
		t.Fatal(err, s.Fallbacks())
	}
	if body := string(server.Wait(t, 1)[0].Body); strings.Contains(body, "canary") || !strings.Contains(body, "rule 0") {
		t.Error(body)
	}
}

func FuzzTemplate(f *testing.F) {
	for text := range endless {
		f.Add(text)
	}
	f.Add("a\n{{.Rul}} {{")
	f.Add("{{block \"a\" .}}{{break}}{{end}}{{/* c */}}{{- .Rule -}}")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parseTemplate(text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "template: ") {
				t.Errorf("%v", err)
			}
			return
		}
		if out, err := parsed.execute(nil, newAlert(1), false); err == nil && len(out) > maxOutput {
			t.Errorf("%d bytes", len(out))
		}
	})
}
