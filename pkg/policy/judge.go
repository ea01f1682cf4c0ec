package policy

import (
	"encoding/json"
	"strings"

	"github.com/saker-security/saker/pkg/audit"
	"github.com/saker-security/saker/pkg/condition/program"
	"github.com/saker-security/saker/pkg/event"
)

// judge evaluates checks with the engine's code, on events that say no more than a sample.
type judge struct {
	state    *program.State
	splitter audit.Splitter
	batch    audit.Batch
	known    map[judged]truth
}

// judged is a question that was answered.
type judged struct {
	atom    int
	request request
	stage   string
}

func newJudge(p *program.Program) *judge {
	return &judge{state: p.NewState(), known: map[judged]truth{}}
}

// sampleEvent is an audit event as far as a sample decides it.
type sampleEvent struct {
	Kind      string        `json:"kind"`
	ID        string        `json:"auditID"`
	Stage     string        `json:"stage"`
	URI       string        `json:"requestURI"`
	Verb      string        `json:"verb"`
	User      sampleUser    `json:"user"`
	ObjectRef *sampleObject `json:"objectRef,omitempty"`
	Time      string        `json:"stageTimestamp"`
}

type sampleUser struct {
	Name   string   `json:"username"`
	Groups []string `json:"groups,omitempty"`
}

type sampleObject struct {
	Resource    string `json:"resource,omitempty"`
	Namespace   string `json:"namespace,omitempty"`
	Name        string `json:"name,omitempty"`
	Group       string `json:"apiGroup,omitempty"`
	Subresource string `json:"subresource,omitempty"`
}

// ask tells for each of the atoms, by number, what its check says of the request. What the request does not decide must
// not be asked.
func (j *judge) ask(atoms []*atom, numbers []int, r request, stage string, value []truth) {
	if len(numbers) == 0 {
		return
	}
	e := sampleEvent{Kind: "Event", ID: "sample", Stage: stage, URI: r.path, Verb: r.verb,
		User: sampleUser{Name: r.user}, Time: "2020-01-01T00:00:00Z"}
	if r.groups != "" {
		e.User.Groups = strings.Split(r.groups, "\n")
	}
	if r.isResource {
		e.ObjectRef = &sampleObject{r.resource, r.namespace, r.name, r.group, r.subresource}
	}
	text, err := json.Marshal(e)
	if err != nil {
		return // texts only: it cannot fail
	}
	err = j.splitter.Split(&j.batch, text, func(b *audit.Batch) error {
		for ev := range b.All() {
			j.state.Begin(ev)
			for _, n := range numbers {
				value[n] = truthOf(j.state.True(atoms[n].id))
			}
			j.state.Begin(&event.Event{Source: event.SourceK8sAudit}) // do not keep the batch alive
		}
		return nil
	})
	if err != nil {
		for _, n := range numbers {
			value[n] = open
		}
	}
}

// askOnce is ask for one check, with a memory.
func (j *judge) askOnce(atoms []*atom, n int, r request, stage string) truth {
	a := atoms[n].reads.aspects
	if a&ofStage == 0 {
		stage = ""
	}
	if r = r.only(a); a&(ofTarget|ofNamespace|ofName) == 0 {
		r.isResource = false
	}
	key := judged{n, r, stage}
	if t, ok := j.known[key]; ok {
		return t
	}
	value := make([]truth, len(atoms))
	j.ask(atoms, []int{n}, r, stage, value)
	j.known[key] = value[n]
	return value[n]
}

// only leaves out of a request what is no matter for the aspects.
func (r request) only(a aspect) request {
	if a&ofVerb == 0 {
		r.verb = ""
	}
	if a&ofTarget == 0 {
		r.group, r.resource, r.subresource, r.path = "", "", "", ""
	}
	if a&ofNamespace == 0 {
		r.namespace = ""
	}
	if a&ofName == 0 {
		r.name = ""
	}
	if a&ofUser == 0 {
		r.user = ""
	}
	if a&ofGroups == 0 {
		r.groups = ""
	}
	return r
}
