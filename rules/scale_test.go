package rules_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/condition"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/engine"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/rule"
	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/pkg/syscall/recording"
	"github.com/saker-security/saker/rules"
)

// BenchmarkManyRules shows what rules cost on recorded events when there are ten times as many of them, and what it
// costs to report all that match instead of the first. "generated" are rules of one shape with constants of their own,
// "varied" are ours and copies of them in which every other constant differs.
func BenchmarkManyRules(b *testing.B) {
	makers := []struct {
		name string
		make func(b *testing.B, source string, n int) []condition.Node
	}{{"generated", generated}, {"varied", varied}}
	replays := map[string]func(*testing.B, func(*event.Event)){event.SourceK8sAudit: replayAudit, event.SourceSyscall: replayCalls}
	for source, replay := range replays {
		for _, maker := range makers {
			for _, n := range []int{30, 300} {
				for _, all := range []bool{false, true} {
					name := fmt.Sprintf("%s/%s/%d/%s", source, maker.name, n, map[bool]string{false: "first", true: "all"}[all])
					b.Run(name, func(b *testing.B) {
						g := engineOf(source, maker.make(b, source, n), all)
						benchmarkReplay(b, g, replay)
					})
				}
			}
		}
	}
}

// benchmarkReplay evaluates each event several times, so that the time to make it hardly counts.
func benchmarkReplay(b *testing.B, g *engine.Engine, replay func(*testing.B, func(*event.Event))) {
	const times = 20
	events, matches := 0, 0
	emit := func(*rule.CompiledRule) { matches++ }
	for b.Loop() {
		replay(b, func(e *event.Event) {
			events += times
			for range times {
				if err := g.Evaluate(e, emit); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
	b.ReportMetric(float64(matches)/float64(events), "matches/event")
	b.ReportMetric(0, "ns/op")
}

func engineOf(source string, nodes []condition.Node, all bool) *engine.Engine {
	cat := catalogues()[source]
	s := &rule.Source{Catalogue: cat}
	builder := program.NewBuilder(cat)
	for i, n := range nodes {
		id, found := builder.Add(n)
		if id == program.None {
			panic(fmt.Sprint(condition.Print(n), found[0]))
		}
		s.Rules = append(s.Rules, &rule.CompiledRule{Condition: id, Rule: &rule.Rule{Name: fmt.Sprint(i), Source: source, Enabled: true}})
	}
	s.Program = builder.Build()
	compiled := &rule.Compiled{Sources: map[string]*rule.Source{source: s}}
	return engine.New(compiled, engine.Options{MatchAll: all, MinPriority: rule.PriorityDebug})
}

// generated makes rules as a company writes them for its applications.
func generated(b *testing.B, source string, n int) []condition.Node {
	resources := []string{"pods", "deployments", "secrets", "configmaps", "roles", "rolebindings", "services", "jobs"}
	verbs := []string{"create", "update", "patch", "delete"}
	shapes := map[string][]func(i int) string{
		event.SourceK8sAudit: {
			func(i int) string {
				return fmt.Sprintf(`ka.stage = ResponseComplete and ka.response.code startswith "2" and ka.verb in (%s, %s)
					and ka.target.resource = %s and ka.target.namespace in (team-%d, team-%d-staging)
					and not ka.user.name in ("system:serviceaccount:team-%d:deployer", admin-%d)`,
					verbs[i%4], verbs[(i+1)%4], resources[i%8], i, i, i, i)
			},
			func(i int) string {
				return fmt.Sprintf(`ka.stage = ResponseComplete and ka.response.code startswith "2" and ka.verb = %s and ka.target.resource = %s
					and ka.user.name startswith "system:serviceaccount:team-%d:" and not ka.target.name startswith app-%d
					and not ka.sourceips intersects (10.0.%d.1)`, verbs[i%4], resources[i%8], i, i, i%256)
			},
			func(i int) string {
				return fmt.Sprintf(`ka.stage = ResponseComplete and ka.verb in (create, update) and ka.target.resource = pods
					and ka.req.pod.containers.image.repository intersects (registry.example/team-%d, registry.example/old-%d)`, i, i)
			},
		},
		event.SourceSyscall: {
			func(i int) string {
				return fmt.Sprintf(`evt.type in (open, openat, openat2) and evt.is_open_write = true and fd.typechar = 'f' and fd.num >= 0
					and fd.name startswith /opt/app-%d/ and not proc.name in (app-%d, updater-%d) and proc.pname != deploy-%d`, i, i, i, i)
			},
			func(i int) string {
				return fmt.Sprintf(`evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.typechar = 'f' and fd.num >= 0
					and (fd.name pmatch (/srv/team-%d/keys, /etc/team-%d) or fd.name endswith /.team-%d) and not proc.name = app-%d`, i, i, i, i)
			},
			func(i int) string {
				return fmt.Sprintf(`evt.type in (execve, execveat) and container.id != host and proc.name in (tool-%d, tool-%d-debug)
					and not proc.pname in (shell-%d, cron) and not user.name = team-%d`, i, i, i, i)
			},
			func(i int) string {
				return fmt.Sprintf(`evt.type = connect and fd.l4proto = tcp and fd.sport in (%d, %d) and proc.name = client-%d
					and not fd.sip = 10.%d.0.1`, 8000+i, 9000+i, i, i%256)
			},
		},
	}
	var nodes []condition.Node
	for i := range n {
		text := shapes[source][i%len(shapes[source])](i)
		node, d := condition.Parse(text)
		if d != nil {
			b.Fatal(text, d)
		}
		nodes = append(nodes, node)
	}
	return nodes
}

// varied makes n rules of ours, each time round with other constants.
func varied(b *testing.B, source string, n int) []condition.Node {
	set, found := rule.Load(rules.Files(), catalogues())
	if rule.HasErrors(found) {
		b.Fatal(found)
	}
	var nodes []condition.Node
	for round := 0; len(nodes) < n; round++ {
		for _, r := range set.Rules {
			if r.Source == source && len(nodes) < n {
				v := variation{round: round}
				nodes = append(nodes, v.node(r.Node))
			}
		}
	}
	return nodes
}

// variation copies a condition and changes every other text constant of the rounds after the first.
type variation struct{ round, texts int }

func (v *variation) node(n condition.Node) condition.Node {
	switch n := n.(type) {
	case *condition.And:
		return &condition.And{Terms: v.all(n.Terms)}
	case *condition.Or:
		return &condition.Or{Terms: v.all(n.Terms)}
	case *condition.Not:
		return &condition.Not{Term: v.node(n.Term)}
	}
	c := *n.(*condition.Check)
	if f, ok := c.Left.(*condition.Field); !ok || f.Name == "evt.type" || c.Op == condition.OpRegex {
		return &c
	}
	switch right := c.Right.(type) {
	case *condition.Text:
		c.Right = v.text(right)
	case *condition.List:
		l := &condition.List{}
		for _, t := range right.Items {
			l.Items = append(l.Items, v.text(t))
		}
		c.Right = l
	}
	return &c
}

func (v *variation) all(nodes []condition.Node) (out []condition.Node) {
	for _, n := range nodes {
		out = append(out, v.node(n))
	}
	return out
}

// text changes words and paths, which are the constants that fit fields of texts only.
func (v *variation) text(t *condition.Text) *condition.Text {
	v.texts++
	if v.round == 0 || (v.texts+v.round)%2 == 0 || len(t.Value) < 4 || t.Value == "true" || t.Value == "false" || t.Value[0] <= '9' && t.Value[0] >= '0' {
		return t
	}
	return &condition.Text{Value: fmt.Sprintf("%s%d", t.Value, v.round)}
}

func replayAudit(b *testing.B, do func(*event.Event)) {
	var splitter audit.Splitter
	batch := &audit.Batch{}
	for _, file := range corpusFiles(b) {
		text, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		err = splitter.Split(batch, text, func(batch *audit.Batch) error {
			for e := range batch.All() {
				do(e)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func replayCalls(b *testing.B, do func(*event.Event)) {
	f, err := os.Open(recordedCalls)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		b.Fatal(err)
	}
	r, err := recording.NewReader(plain)
	if err != nil {
		b.Fatal(err)
	}
	in := syscall.New(syscall.Options{})
	in.Load(r.Header())
	for {
		frame, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			b.Fatal(err)
		}
		e, err := in.Event(frame)
		if err != nil {
			b.Fatal(err)
		}
		do(e)
	}
}
