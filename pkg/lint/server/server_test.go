package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/lint"
	"github.com/saker-security/saker/pkg/lint/server"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/syscall"
)

const uri = "file:///rules.yaml"

// patience is how long a client waits for what must come.
const patience = 20 * time.Second

// client is an editor.
type client struct {
	t    testing.TB
	conn *jsonrpc2.Conn
	// published are the findings that the server sent.
	published chan publication
}

type publication struct {
	URI         string `json:"uri"`
	Version     int    `json:"version"`
	Diagnostics []struct {
		Range    textRange `json:"range"`
		Severity int       `json:"severity"`
		Code     string    `json:"code"`
		Message  string    `json:"message"`
	} `json:"diagnostics"`
}

type position struct {
	Line      int `json:"line"`
	Character int `json:"character"`
}

type textRange struct {
	Start position `json:"start"`
	End   position `json:"end"`
}

func catalogues() map[string]*field.Catalogue {
	return map[string]*field.Catalogue{event.SourceSyscall: syscall.Catalogue(""), event.SourceK8sAudit: audit.Catalogue("")}
}

// connect starts a server and a client that says hello.
func connect(t testing.TB, o server.Options, hello map[string]any) *client {
	t.Helper()
	if o.Catalogues == nil {
		o.Catalogues = catalogues()
	}
	if o.Check == nil {
		o.Check = func(files []rule.File) []rule.Diagnostic {
			return lint.Lint(files, lint.Options{Catalogues: o.Catalogues, Least: condition.SeverityWarning}).Findings
		}
	}
	if o.Format == nil {
		o.Format = func(_ string, data []byte) ([]byte, error) {
			return []byte(strings.TrimSpace(string(data)) + "\n"), nil
		}
	}
	o.Link = func(code string) string { return "https://example.org/#" + code }
	there, here := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- server.Serve(context.Background(), there, o) }()
	c := &client{t: t, published: make(chan publication, 1000)}
	c.conn = jsonrpc2.NewConn(context.Background(), jsonrpc2.NewBufferedStream(here, jsonrpc2.VSCodeObjectCodec{}),
		jsonrpc2.HandlerWithError(func(_ context.Context, _ *jsonrpc2.Conn, r *jsonrpc2.Request) (any, error) {
			var p publication
			if r.Method == "textDocument/publishDiagnostics" && json.Unmarshal(*r.Params, &p) == nil {
				c.published <- p
			}
			return nil, nil
		}))
	t.Cleanup(func() {
		c.notify("exit", nil)
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("the server does not end")
		}
		_ = c.conn.Close()
	})
	if hello == nil {
		hello = map[string]any{}
	}
	var answer struct {
		Capabilities struct {
			HoverProvider bool `json:"hoverProvider"`
		} `json:"capabilities"`
	}
	c.call("initialize", hello, &answer)
	if !answer.Capabilities.HoverProvider {
		t.Fatal("no hover")
	}
	c.notify("initialized", map[string]any{})
	return c
}

func (c *client) call(method string, params, answer any) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.conn.Call(ctx, method, params, answer); err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
}

func (c *client) notify(method string, params any) {
	if err := c.conn.Notify(context.Background(), method, params); err != nil {
		c.t.Logf("%s: %v", method, err)
	}
}

func (c *client) open(text string) {
	c.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": uri, "version": 1, "text": text}})
}

// change replaces a range of the text.
func (c *client) change(version int, r textRange, text string) {
	c.notify("textDocument/didChange", map[string]any{
		"textDocument":   map[string]any{"uri": uri, "version": version},
		"contentChanges": []any{map[string]any{"range": r, "text": text}},
	})
}

// findings waits for findings that are as wanted and gives them.
func (c *client) findings(wanted func(publication) bool) publication {
	c.t.Helper()
	deadline := time.After(patience)
	var last publication
	for {
		select {
		case last = <-c.published:
			if wanted(last) {
				return last
			}
		case <-deadline:
			c.t.Fatalf("the findings did not come; the last ones are %+v", last)
		}
	}
}

func (p publication) String() string {
	var b strings.Builder
	for _, d := range p.Diagnostics {
		fmt.Fprintf(&b, "%d:%d-%d:%d %s\n", d.Range.Start.Line, d.Range.Start.Character, d.Range.End.Line, d.Range.End.Character, d.Code)
	}
	return b.String()
}

func at(params map[string]any, text, mark string) map[string]any {
	i := strings.Index(text, mark)
	if i < 0 {
		panic("no mark " + mark)
	}
	i += len(mark)
	line := strings.Count(text[:i], "\n")
	params["textDocument"] = map[string]any{"uri": uri}
	params["position"] = position{line, i - strings.LastIndex(text[:i], "\n") - 1}
	return params
}

const sample = `- list: shells
  items: [bash, sh]

- macro: shell_running
  condition: (proc.name in (shells))

- rule: Shell in container
  desc: A shell runs.
  condition: >
    evt.type = openat and shell_running
    and fd.nam = /etc
  output: "é %proc.name"
  priority: WARNIN
  tags: [shell, container]
`

func TestFindings(t *testing.T) {
	c := connect(t, server.Options{}, nil)
	c.open(sample)
	p := c.findings(func(p publication) bool { return len(p.Diagnostics) == 2 })
	if got, want := p.String(), "10:8-10:14 unknown-field\n12:12-12:18 bad-priority\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if !strings.Contains(p.Diagnostics[0].Message, "fd.name") {
		t.Errorf("no hint in %q", p.Diagnostics[0].Message)
	}
	// Both are corrected, one after the other.
	c.change(2, textRange{position{10, 8}, position{10, 14}}, "fd.name")
	c.findings(func(p publication) bool { return p.Version == 2 && p.String() == "12:12-12:18 bad-priority\n" })
	c.change(3, textRange{position{12, 12}, position{12, 18}}, "WARNING")
	c.findings(func(p publication) bool { return p.Version == 3 && len(p.Diagnostics) == 0 })
	// A line before moves the findings; a macro that is broken is found where it is.
	c.change(4, textRange{position{4, 14}, position{4, 23}}, "proc.nme")
	c.findings(func(p publication) bool {
		return p.Version == 4 && strings.Contains(p.String(), "4:14-4:22 unknown-field")
	})
	c.change(5, textRange{position{0, 0}, position{0, 0}}, "# a comment\n")
	c.findings(func(p publication) bool {
		return p.Version == 5 && strings.Contains(p.String(), "5:14-5:22 unknown-field")
	})
	// Broken YAML is one more finding.
	c.change(6, textRange{position{1, 0}, position{1, 0}}, "- list: \"open\n")
	c.findings(func(p publication) bool {
		return p.Version == 6 && strings.Contains(p.String(), "yaml-syntax") && strings.Contains(p.String(), "6:14-6:22 unknown-field")
	})
}

// TestBrokenYAML: an item that is not YAML hides nothing of the others, in a file of which only the whole is checked.
func TestBrokenYAML(t *testing.T) {
	c := connect(t, server.Options{}, nil)
	c.open(strings.Repeat("- list: many\n  items: [a]\n", 30) + "- list: \"open\n" + sample)
	p := c.findings(func(p publication) bool { return len(p.Diagnostics) > 0 })
	if got, want := p.String(), "60:8-60:9 yaml-syntax\n71:8-71:14 unknown-field\n73:12-73:18 bad-priority\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	// The error is one of its item and moves with it; what is corrected is gone at once.
	c.change(2, textRange{position{73, 12}, position{73, 18}}, "WARNING")
	c.findings(func(p publication) bool {
		return p.Version == 2 && p.String() == "60:8-60:9 yaml-syntax\n71:8-71:14 unknown-field\n"
	})
	c.change(3, textRange{position{60, 8}, position{60, 9}}, "")
	c.findings(func(p publication) bool { return p.Version == 3 && !strings.Contains(p.String(), "yaml-syntax") })
}

// TestUTF16 counts characters as editors do: an é is one, an emoji two.
func TestUTF16(t *testing.T) {
	text := strings.Replace(sample, "and fd.nam", `and fd.name != "é🦅" and fd.nam`, 1)
	for encoding, want := range map[string]string{"utf-16": "10:29-10:35 unknown-field", "utf-8": "10:32-10:38 unknown-field"} {
		c := connect(t, server.Options{}, map[string]any{
			"capabilities": map[string]any{"general": map[string]any{"positionEncodings": []string{encoding}}}})
		c.open(text)
		if p := c.findings(func(p publication) bool { return len(p.Diagnostics) > 0 }); !strings.Contains(p.String(), want) {
			t.Errorf("%s: got %s", encoding, p)
		}
	}
}

func TestCompletion(t *testing.T) {
	for name, tt := range map[string]struct {
		text, mark string
		want       []string
		not        string
	}{
		"field":         {"- rule: x\n  condition: evt.type = open and proc.na", "proc.na", []string{"proc.name"}, "and"},
		"macro":         {sample + "- rule: x\n  condition: shell_r", "- rule: x\n  condition: shell_r", []string{"shell_running"}, "shells"},
		"operator":      {"- rule: x\n  condition: proc.name ", "proc.name ", []string{"=", "in", "startswith"}, "and"},
		"event type":    {"- rule: x\n  condition: evt.type in (open, execv", "execv", []string{"execve"}, "proc.name"},
		"list":          {sample + "- rule: x\n  condition: proc.name in (she", "proc.name in (she", []string{"shells"}, "shell_running"},
		"join":          {"- rule: x\n  condition: proc.name exists a", "exists a", []string{"and"}, "proc.name"},
		"folded":        {"- rule: x\n  condition: >\n    evt.type = open\n    and tolower(proc.name) ", "name) ", []string{"="}, "and"},
		"transformer":   {"- rule: x\n  condition: tolower(proc.na", "(proc.na", []string{"proc.name"}, "and"},
		"output":        {"- rule: x\n  output: \"%fd.na", "%fd.na", []string{"fd.name"}, "proc.name"},
		"priority":      {"- rule: x\n  priority: WARN", "WARN", []string{"WARNING"}, "INFO"},
		"audit":         {"- rule: x\n  source: k8s_audit\n  condition: ka.ver", "ka.ver", []string{"ka.verb"}, "proc.name"},
		"key":           {"- rule: x\n  cond", "cond", []string{"condition"}, "output"},
		"override":      {"- rule: x\n  override:\n    condition: ap", "condition: ap", []string{"append"}, "proc.name"},
		"tag":           {sample + "- rule: x\n  tags: [she", "- rule: x\n  tags: [she", []string{"shell"}, "container"},
		"exception":     {"- rule: x\n  exceptions:\n    - name: a\n      fields: [proc.na", "fields: [proc.na", []string{"proc.name"}, "fd.name"},
		"inside quotes": {"- rule: x\n  condition: proc.name = 'proc.na", "'proc.na", nil, "proc.name"},
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, server.Options{}, nil)
			c.open(tt.text)
			var list struct {
				Items []struct {
					Label string `json:"label"`
				} `json:"items"`
			}
			c.call("textDocument/completion", at(map[string]any{}, tt.text, tt.mark), &list)
			labels := map[string]bool{}
			for _, i := range list.Items {
				labels[i.Label] = true
			}
			for _, want := range tt.want {
				if !labels[want] {
					t.Errorf("%q is not proposed: %v", want, list)
				}
			}
			if labels[tt.not] {
				t.Errorf("%q is proposed", tt.not)
			}
		})
	}
}

func TestMeaning(t *testing.T) {
	c := connect(t, server.Options{}, nil)
	c.open(sample)
	for mark, want := range map[string]string{
		"%proc.na":      "CHARBUF",
		"and shell_run": "proc.name in (shells)",
		"in (shell":     "items: [bash, sh]",
		"  prio":        "How bad",
	} {
		var got struct {
			Contents struct {
				Value string `json:"value"`
			} `json:"contents"`
		}
		c.call("textDocument/hover", at(map[string]any{}, sample, mark), &got)
		if !strings.Contains(got.Contents.Value, want) {
			t.Errorf("%s: %q", mark, got.Contents.Value)
		}
	}
	for mark, want := range map[string]textRange{
		"and shell_run": {position{3, 9}, position{3, 22}},
		"in (shell":     {position{0, 8}, position{0, 14}},
	} {
		var got []struct {
			Range textRange `json:"range"`
		}
		c.call("textDocument/definition", at(map[string]any{}, sample, mark), &got)
		if len(got) != 1 || got[0].Range != want {
			t.Errorf("%s is defined at %+v", mark, got)
		}
		c.call("textDocument/references", at(map[string]any{}, sample, mark), &got)
		if len(got) != 2 {
			t.Errorf("%s: references %+v", mark, got)
		}
	}
	var symbols []struct {
		Name string `json:"name"`
	}
	c.call("textDocument/documentSymbol", map[string]any{"textDocument": map[string]any{"uri": uri}}, &symbols)
	if fmt.Sprint(symbols) != "[{shells} {shell_running} {Shell in container}]" {
		t.Errorf("symbols %v", symbols)
	}
}

// TestBefore resolves names of files that are read before the open one, and finds their definitions.
func TestBefore(t *testing.T) {
	base := rule.File{Name: "/base.yaml", Data: []byte("- macro: spawned\n  condition: (evt.type = execve)\n")}
	c := connect(t, server.Options{Before: []rule.File{base}}, nil)
	text := "- rule: x\n  desc: d\n  condition: spawned and proc.name = a\n  output: x\n  priority: INFO\n"
	c.open(text)
	c.findings(func(p publication) bool { return p.URI == uri && len(p.Diagnostics) == 0 })
	var got []struct {
		URI string `json:"uri"`
	}
	c.call("textDocument/definition", at(map[string]any{}, text, "condition: spaw"), &got)
	if len(got) != 1 || got[0].URI != "file:///base.yaml" {
		t.Errorf("defined in %v", got)
	}
}

// TestActions offers the corrections that the check knows, and lays a document out.
func TestActions(t *testing.T) {
	o := server.Options{Check: func(files []rule.File) []rule.Diagnostic {
		data := string(files[len(files)-1].Data)
		i := strings.Index(data, "WARNIN\n")
		if i < 0 {
			return nil
		}
		line := strings.Count(data[:i], "\n") + 1
		pos := rule.Position{File: uri, Line: line, Column: i - strings.LastIndex(data[:i], "\n")}
		end := pos
		end.Column += 6
		return []rule.Diagnostic{{Code: "bad-priority", Message: "m", Start: pos, End: end,
			Fixes: []rule.Fix{{Title: "replace WARNIN by WARNING", Edits: []rule.Edit{{File: uri, Start: i, End: i + 6, Text: "WARNING"}}}}}}
	}}
	c := connect(t, o, nil)
	c.open(sample + "\n\n")
	c.findings(func(p publication) bool { return len(p.Diagnostics) == 1 })
	var actions []struct {
		Title string `json:"title"`
		Edit  struct {
			Changes map[string][]struct {
				Range   textRange `json:"range"`
				NewText string    `json:"newText"`
			} `json:"changes"`
		} `json:"edit"`
	}
	whole := textRange{position{12, 14}, position{12, 14}}
	c.call("textDocument/codeAction", map[string]any{"textDocument": map[string]any{"uri": uri}, "range": whole}, &actions)
	if len(actions) != 1 {
		t.Fatalf("actions %+v", actions)
	}
	edit := actions[0].Edit.Changes[uri][0]
	if edit.NewText != "WARNING" || edit.Range != (textRange{position{12, 12}, position{12, 18}}) {
		t.Errorf("edit %+v", edit)
	}
	var edits []struct {
		NewText string `json:"newText"`
	}
	c.call("textDocument/formatting", map[string]any{"textDocument": map[string]any{"uri": uri}}, &edits)
	if len(edits) != 1 || edits[0].NewText != sample {
		t.Errorf("layout %+v", edits)
	}
}

// TestUnknown answers what it does not know with an error and goes on.
func TestUnknown(t *testing.T) {
	c := connect(t, server.Options{}, nil)
	var answer any
	if err := c.conn.Call(context.Background(), "textDocument/nonsense", nil, &answer); err == nil {
		t.Error("no error")
	}
	c.notify("$/nonsense", nil)
	if err := c.conn.Call(context.Background(), "textDocument/hover", "text", &answer); err == nil {
		t.Error("no error")
	}
	c.call("textDocument/hover", map[string]any{"textDocument": map[string]any{"uri": "file:///other"}}, &answer)
}

// TestEveryPlace: the server answers wherever the cursor is, also in texts that are no YAML.
func TestEveryPlace(t *testing.T) {
	for _, text := range []string{sample, "- list: a\n  items: [b]\n- rule: é🦅\n  tags:\n    - x\n  condition: >\n    a\n\n  output: \"", "- \n:\n  - a:b: [\n\t'x\n- rule:x", ""} {
		c := connect(t, server.Options{}, nil)
		c.open(text)
		for n, line := range strings.Split(text, "\n") {
			for column := range utf8.RuneCountInString(line) + 3 {
				at := map[string]any{"textDocument": map[string]any{"uri": uri}, "position": position{n, column}}
				for _, method := range []string{"completion", "hover", "definition", "references"} {
					c.call("textDocument/"+method, at, nil)
				}
			}
		}
	}
}
