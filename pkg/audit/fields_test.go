package audit

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/field"
	"github.com/saker-security/saker/pkg/field/fieldtest"
)

// TestFields asks for fields of events that the recorded cases of Falco do not cover. Each member list is put into an
// event that has an id and a time; nil is no value.
func TestFields(t *testing.T) {
	cases := []struct {
		name, members string
		want          map[string]any
	}{
		{"uri parameters", `"requestURI":"/x?a=%zz&b;c=1&command=sh+-c&command=%2Fbin%2Fid&d&%65=f&=g#?h=i"`, map[string]any{
			"ka.uri.param[command]": "sh -c", "ka.uri.param[a]": nil, "ka.uri.param[c]": nil, "ka.uri.param[d]": "",
			"ka.uri.param[e]": "f", "ka.uri.param[h]": nil,
		}},
		{"uri without query", `"requestURI":"/x"`, map[string]any{"ka.uri": "/x", "ka.uri.param[x]": nil}},
		{"escapes", `"user":{"username":"a\"b\\\u00e9\ud83d\ude00\u0000c","groups":["x\ty"]},"objectRef":{"name":"p\/q"}`, map[string]any{
			"ka.user.name": "a\"b\\é😀\x00c", "ka.user.groups": []string{"x\ty"}, "ka.target.name": "p/q",
		}},
		{"strings in disguise", `"requestObject":{"m\u0065tadata":{"labels":{"kubernetes.io\/enforce":null}},"data":{"server\u002dsnippet":"a\u003eb"},` +
			`"rules":[{"v\u0065rbs":["\u002a"]}],"subjects":[{"kind":"Us\u0065r"}],"spec":{"ports":[{"\u006eame":"\/"}]}},"annotations":{"a":{"\/":1}}`, map[string]any{
			"json.value[/requestObject/metadata]": `{"labels":{"kubernetes.io/enforce":null}}`,
			"ka.req.configmap.obj":                `{"server-snippet":"a>b"}`,
			"ka.req.role.rules":                   []string{`{"verbs":["*"]}`},
			"ka.req.binding.subjects":             []string{`{"kind":"User"}`},
			"ka.req.service.ports":                []string{`[{"name":"/"}]`},
			"ka.annotation[a]":                    `{"/":1}`,
		}},
		{"a patch in disguise", "\"requestObject\":[ {\"op\":\"remov\\u0065\",\n\"p\\u0061th\":\"\\/metadata/labels/kubernetes.io~\\u0031enforce\",\"value\":\"\\u0022\\u000A\\ud83d\\uDE00\\ud83d \"} ]", map[string]any{
			"jevt.value[/requestObject]": "[{\"op\":\"remove\",\"path\":\"/metadata/labels/kubernetes.io~1enforce\",\"value\":\"\\\"\\n😀\ufffd \"}]",
		}},
		{"invalid UTF-8", "\"userAgent\":\"a\xff\xfeb\"", map[string]any{"ka.useragent": "a\xff\xfeb"}},
		{"null and other types", `"verb":null,"user":null,"objectRef":[1],"responseStatus":{"code":null,"reason":7},"sourceIPs":"1.2.3.4"`, map[string]any{
			"ka.verb": nil, "ka.user.name": nil, "ka.target.name": nil, "ka.response.code": nil, "ka.response.reason": "7",
			"ka.sourceips": nil, "json.value[verb]": "null", "json.value[/objectRef/0]": "1", "json.value[objectRef]": "[1]",
			"json.value[/objectRef/1]": nil, "json.value[/objectRef/x]": nil, "json.value[/sourceIPs]": "1.2.3.4",
		}},
		{"an object that comes twice", `"user":{"username":"a","groups":["g"]},"user":{"username":"b"},"objectRef":{"name":"x"},"objectRef":null`, map[string]any{
			"ka.user.name": "b", "ka.user.groups": nil, "ka.target.name": nil,
		}},
		{"a request that hides members", `"requestObject":{"spec":{"hostNetwork":true}},"requestObject":{"spec":{"hostPID":false,"hostNetwork":true},` +
			`"spec":{"host\u0050ID":true,"containers":[{"image":"a"}],"containers":[{"image":"evil","image":"b"}]}}`, map[string]any{
			"ka.req.pod.host_network": nil, "ka.req.pod.host_pid": "true", "ka.req.pod.containers.image": []string{"b"},
			"json.value[/requestObject/spec/hostPID]": "true",
		}},
		{"containers", `"requestObject":{"spec":{"containers":[{"name":"a","image":"r:5000/x/y:1@sha256:0","securityContext":{"capabilities":{"add":["SYS_ADMIN","NET_RAW"]}},` +
			`"ports":[{"containerPort":1},{"hostPort":2,"containerPort":3}]},{"name":"b","image":"z:9","securityContext":{"privileged":true,"capabilities":{"add":["ALL"]}}}],"securityContext":{"runAsUser":7}}}`, map[string]any{
			"ka.req.pod.containers.image.repository":    []string{"r:5000/x/y", "z"},
			"ka.req.pod.containers.image.repository[0]": []string{"r:5000/x/y"},
			"ka.req.pod.containers.add_capabilities":    []string{"SYS_ADMIN", "NET_RAW", "ALL"},
			"ka.req.pod.containers.add_capabilities[1]": []string{"ALL"},
			"ka.req.pod.containers.privileged":          []string{"true"},
			"ka.req.pod.containers.privileged[0]":       nil,
			"ka.req.pod.containers.host_port":           []string{"1", "2"},
			"ka.req.pod.containers.host_port[1]":        nil,
			"ka.req.pod.containers.eff_run_as_user":     []string{"7", "7"},
			"ka.req.pod.containers.eff_run_as_group":    []string{"0", "0"},
			"ka.req.pod.containers.name[2]":             nil,
			"ka.req.container.privileged":               "true",
		}},
		{"a container without image", `"requestObject":{"spec":{"containers":[{"image":"a"},{"name":"b"}]}}`, map[string]any{
			"ka.req.pod.containers.image": nil, "ka.req.pod.containers.image[0]": []string{"a"}, "ka.req.container.image": "a",
		}},
		{"no containers", `"requestObject":{"spec":{"containers":[],"volumes":{}}}`, map[string]any{
			"ka.req.pod.containers.image": nil, "ka.req.container.image": nil, "ka.req.container.privileged": "false",
			"ka.req.pod.volumes.hostpath": nil, "ka.req.volume.hostpath[/x]": nil,
		}},
		{"volumes", `"requestObject":{"spec":{"volumes":[{"name":"a","emptyDir":{}},{"name":"b","hostPath":{"path":"/var/run/docker.sock"}},7]}}`, map[string]any{
			"ka.req.pod.volumes.hostpath": []string{"/var/run/docker.sock"}, "ka.req.pod.volumes.hostpath[0]": nil,
			"ka.req.pod.volumes.hostpath[1]": []string{"/var/run/docker.sock"}, "ka.req.pod.volumes.volume_type": []string{"emptyDir", "hostPath"},
			"ka.req.volume.hostpath[/var/run/*]": "true", "ka.req.volume.hostpath[/var/run]": "false",
		}},
		{"a JSON patch", `"requestObject":[{"op":"add","path":"/spec/hostNetwork","value":true}]`, map[string]any{
			"ka.req.pod.host_network": nil, "json.value[/requestObject/0/value]": "true",
			"json.value[requestObject]": `[{"op":"add","path":"/spec/hostNetwork","value":true}]`,
		}},
		{"white space in values", "\"requestObject\" : { \"data\" : { \"a b\" : [ 1 , 2 ] } }", map[string]any{
			"ka.req.configmap.obj": `{"a b":[1,2]}`, "json.value[/requestObject/data/a b]": "[1,2]",
		}},
		{"pointers", `"annotations":{"a/b~c":"1","":"2"}`, map[string]any{
			"json.value[/annotations/a~1b~0c]": "1", "jevt.value[annotations/]": "2", "json.value[/annotations]": `{"a/b~c":"1","":"2"}`,
			"json.value[/]": nil, "json.rawtime": "1704067200000000000",
		}},
		{"numbers out of range", `"responseStatus":{"code":123456789012345678901234567890e999}`, map[string]any{
			"ka.response.code": "123456789012345678901234567890e999",
		}},
		{"a list of pods", `"objectRef":{"resource":"pods","subresource":""},"responseObject":{"metadata":{"name":"n"}}`, map[string]any{
			"ka.target.pod.name": "n", "ka.resp.name": "n",
		}},
		{"the user", `"level":"Metadata","user":{"username":"u","uid":"7","extra":{"a/b":["1","2"],"c":[],"d":"x"}},` +
			`"impersonatedUser":{"username":"i","uid":"8","groups":["g","h"],"extra":{"scopes":["view"]}}`, map[string]any{
			"ka.level": "Metadata", "ka.user.uid": "7", "ka.user.extra[a/b]": []string{"1", "2"}, "ka.user.extra[c]": nil,
			"ka.user.extra[d]": nil, "ka.user.extra[e]": nil, "ka.impuser.uid": "8", "ka.impuser.groups": []string{"g", "h"},
			"ka.impuser.extra[scopes]": []string{"view"}, "ka.impuser.extra[a/b]": nil,
		}},
		{"nobody", `"user":{},"impersonatedUser":null`, map[string]any{
			"ka.level": nil, "ka.user.uid": nil, "ka.user.extra[a]": nil, "ka.impuser.uid": nil, "ka.impuser.groups": nil, "ka.impuser.extra[a]": nil,
		}},
		{"the target and the response", `"objectRef":{"resource":"deployments","apiGroup":"apps","apiVersion":"v1","uid":"q"},` +
			`"responseStatus":{"metadata":{},"status":"Failure","message":"no\n","reason":"Forbidden","code":403},` +
			`"annotations":{"a/b":"1","x":"2","x":"3"}`, map[string]any{
			"ka.target.apigroup": "apps", "ka.target.apiversion": "v1", "ka.target.uid": "q", "ka.response.status": "Failure",
			"ka.response.message": "no\n", "ka.annotation[a/b]": "1", "ka.annotation[x]": "3", "ka.annotation[y]": nil,
		}},
		{"a patched binding", `"requestObject":[{"op":"add"}],"responseObject":{"roleRef":{"kind":"ClusterRole","name":"admin"},"subjects":[{"kind":"User","name":"eve"},null]}`, map[string]any{
			"ka.req.binding.role": nil, "ka.req.binding.role.kind": nil, "ka.response.binding.role": "admin",
			"ka.response.binding.subjects": []string{`{"kind":"User","name":"eve"}`},
		}},
		{"a binding", `"requestObject":{"roleRef":{"kind":"ClusterRole","name":"admin"}},"responseObject":{"kind":"Status"}`, map[string]any{
			"ka.req.binding.role.kind": "ClusterRole", "ka.response.binding.role": nil, "ka.response.binding.subjects": nil,
		}},
		{"addresses", `"sourceIPs":["::ffff:10.1.2.3","fe80::1%eth0","192.0.2.1"]`, map[string]any{
			"ka.sourceip": "10.1.2.3", "ka.sourcenet": "10.1.2.3", "ka.peerip": "192.0.2.1", "ka.peernet": "192.0.2.1",
			"ka.sourceips[1]": []string{"fe80::1%eth0"},
		}},
		{"one address", `"sourceIPs":["2001:db8::1"]`, map[string]any{"ka.sourceip": "2001:db8::1", "ka.peerip": "2001:db8::1"}},
		{"no addresses", `"sourceIPs":[]`, map[string]any{"ka.sourceip": nil, "ka.sourcenet": nil, "ka.peerip": nil, "ka.peernet": nil}},
		{"what is no address", `"sourceIPs":["localhost",7]`, map[string]any{"ka.sourceip": nil, "ka.peerip": nil}},
		{"latency", `"requestReceivedTimestamp":"2023-12-31T23:59:58.5Z"`, map[string]any{"ka.latency": "1500"}},
		{"no latency", `"requestReceivedTimestamp":"2024-01-01T00:00:00.000001Z"`, map[string]any{"ka.latency": nil}},
		{"a bad time of arrival", `"requestReceivedTimestamp":"x"`, map[string]any{"ka.latency": nil}},
		{"a pod", `"requestObject":{"spec":{"serviceAccountName":"s","nodeName":"n"}}`, map[string]any{
			"ka.req.pod.serviceaccount": "s", "ka.req.pod.node": "n", "ka.req.template.serviceaccount": nil,
			"ka.req.template.containers.image": nil,
		}},
		{"a deployment", `"requestObject":{"spec":{"template":` + templateSpec + `}}`, templateValues},
		{"a cron job", `"requestObject":{"spec":{"jobTemplate":{"spec":{"template":` + templateSpec + `}}}}`, templateValues},
		{"a pod template", `"requestObject":{"template":` + templateSpec + `}`, templateValues},
		{"a template of another kind", `"requestObject":{"spec":{"template":"x"},"template":[]}`, map[string]any{
			"ka.req.template.host_pid": nil, "ka.req.template.volumes.hostpath": nil,
		}},
		{"truncated by the API server", `"annotations":{"audit.k8s.io/truncated":"true"}`, map[string]any{"ka.truncated": "true"}},
		{"the whole event", `"a":{"b":[]}`, map[string]any{
			"jevt.obj":       "{\n  \"kind\": \"Event\",\n  \"auditID\": \"id\",\n  \"stageTimestamp\": \"2024-01-01T00:00:00Z\",\n  \"a\": {\n    \"b\": []\n  }\n}",
			"evt.plugininfo": `{"kind":"Event","auditID":"id","stageTimestamp":"2024-01-01T00:00:00Z","a":{"b":[]}}`, "evt.pluginname": "k8saudit",
			"evt.source": "k8s_audit", "evt.asynctype": nil,
		}},
	}
	c := Catalogue("host")
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			e := splitOne(t, []byte(`{"kind":"Event","auditID":"id","stageTimestamp":"2024-01-01T00:00:00Z",`+tc.members+`}`))
			for name, want := range tc.want {
				if d := cmp.Diff(want, extractText(t, c, e, name)); d != "" {
					t.Errorf("%s differs (-want +got):\n%s", name, d)
				}
			}
		})
	}
}

// templateSpec is a pod template, templateValues what its fields give.
const templateSpec = `{"metadata":{},"spec":{"hostPID":true,"hostNetwork":false,"serviceAccountName":"s",
	"volumes":[{"name":"a","emptyDir":{}},{"name":"b","hostPath":{"path":"/etc"}}],
	"initContainers":[{"name":"i","image":"r:5000/i:1","securityContext":{"privileged":true}}],
	"containers":[{"name":"c","securityContext":{"privileged":false,"capabilities":{"add":["SYS_ADMIN","NET_RAW"]}}},{"image":"c@sha256:0"}]}}`

var templateValues = map[string]any{
	"ka.req.template.host_pid": "true", "ka.req.template.host_network": "false", "ka.req.template.host_ipc": nil,
	"ka.req.template.serviceaccount":              "s",
	"ka.req.template.volumes.hostpath":            []string{"/etc"},
	"ka.req.template.containers.image":            []string{"c@sha256:0", "r:5000/i:1"},
	"ka.req.template.containers.image.repository": []string{"c", "r:5000/i"},
	"ka.req.template.containers.privileged":       []string{"false", "true"},
	"ka.req.template.containers.add_capabilities": []string{"SYS_ADMIN", "NET_RAW"},
	"ka.req.pod.containers.image":                 nil,
}

// TestClusterName: the name in the path to which an event was sent counts before what the event says.
func TestClusterName(t *testing.T) {
	c := Catalogue("host")
	e := splitOne(t, []byte(`{"kind":"Event","auditID":"id","stageTimestamp":"2024-01-01T00:00:00Z","annotations":{"cluster_name":"said"}}`))
	for _, want := range []string{"said", "sent", "said"} {
		e.Data.(*Record).b.Cluster = map[string]string{"sent": "sent"}[want]
		if got := extractText(t, c, e, "ka.cluster.name"); got != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
}

// TestNothingIsTaken: the fields that rules ask for cost no memory, those with escapes and white space apart, and those
// that nobody asks for cost nothing at all.
func TestNothingIsTaken(t *testing.T) {
	e := splitOne(t, []byte(`{"kind":"Event","level":"Metadata","auditID":"id","stageTimestamp":"2024-01-01T00:00:00Z",`+
		`"requestReceivedTimestamp":"2023-12-31T23:59:58.5Z","sourceIPs":["10.0.0.1","10.0.0.2"],"objectRef":{"apiGroup":"apps","apiVersion":"v1"},`+
		`"user":{"username":"u","uid":"7","extra":{"a":["1","2"]}},"impersonatedUser":{"groups":["g"]},"responseStatus":{"status":"Failure","message":"no"},`+
		`"annotations":{"a":"b"},"requestObject":{"spec":{"template":`+templateSpec+`}}}`))
	c := Catalogue("host")
	var v event.Value
	for _, spec := range strings.Fields(`ka.level ka.user.uid ka.user.extra[a] ka.impuser.groups ka.target.apigroup ka.target.apiversion
		ka.response.status ka.response.message ka.annotation[a] ka.sourceip ka.peernet ka.latency ka.req.template.host_pid
		ka.req.template.volumes.hostpath ka.req.template.containers.image ka.req.template.containers.privileged`) {
		name, key, keyed := strings.Cut(strings.TrimSuffix(spec, "]"), "[")
		f, _, _ := c.Lookup(name)
		a := &field.Arg{Present: keyed, Text: key}
		if n := testing.AllocsPerRun(20, func() {
			v.Reset()
			if !f.Extract(e, a, &v) {
				t.Fatalf("%s has no value", spec)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", spec, n)
		}
	}
}

func TestCatalogue(t *testing.T) {
	want := fieldtest.Falco(t, Catalogue("host"), "testdata/fields.tsv", nil)
	for name := range ours {
		want[name] = true
	}
	got := map[string]bool{}
	for _, f := range Catalogue("host").Fields() {
		got[f.Name] = true
		if f.Help == "" || !strings.HasSuffix(f.Help, ".") || f.Extract == nil {
			t.Errorf("%s: help %q", f.Name, f.Help)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("names differ (-want +got):\n%s", d)
	}
	f, _, _ := Catalogue("host").Lookup("json.value")
	if err := f.Prepare(&field.Arg{Present: true}); err == nil {
		t.Error("an empty pointer is accepted")
	}
}

// FuzzFields asks for every field of every event in a text. Values of fields that are nothing but a member are
// compared with what encoding/json finds there.
func FuzzFields(f *testing.F) {
	bodies := recorded(f)
	for _, name := range []string{"000147.json", "000169.json", "000158.json", "000156.json"} {
		f.Add(bodies[name])
	}
	f.Add([]byte(`[{"kind":"Event","auditID":"\u0041","stageTimestamp":"2024-01-01T00:00:00Z","requestURI":"/?x=%41","user":{"groups":["\ud83d"]}}]`))
	f.Add([]byte(`{"kind":"Event","auditID":1,"stageTimestamp":"2024-01-01T00:00:00Z","requestObject":{"spec":{"containers":[{"ports":[{}],"command":[[]]}, 1]}}}`))
	c := Catalogue("host")
	f.Fuzz(func(t *testing.T, text []byte) {
		var s Splitter
		_ = s.Split(&Batch{}, text, func(b *Batch) error {
			for e := range b.All() {
				askAll(t, c, e)
			}
			return nil
		})
	})
}

// askAll asks for all fields, with and without argument, and checks what holds for every value.
func askAll(t *testing.T, c *field.Catalogue, e *event.Event) {
	t.Helper()
	r := e.Data.(*Record)
	whole := r.b.doc[r.span.Start:r.span.End]
	if !json.Valid([]byte(whole)) {
		t.Fatalf("an event that is not JSON: %q", whole)
	}
	for _, f := range c.Fields() {
		for _, arg := range []field.Arg{{}, {Present: true, Text: "x"}, {Present: true, Text: "requestObject/spec/containers/0", Index: 0, IsIndex: true}} {
			if arg.Present && f.Need == field.ArgNone || !arg.Present && f.Need == field.ArgRequired || f.Form == field.FormIndex && arg.Present && !arg.IsIndex {
				continue
			}
			if f.Prepare != nil && f.Prepare(&arg) != nil {
				continue
			}
			var v event.Value
			ok := f.Extract(e, &arg, &v)
			if f.List && ok != (len(v.List) > 0) {
				t.Fatalf("%s: %v with %d elements", f.Name, ok, len(v.List))
			}
			if ok && strings.HasPrefix(f.Name, "ka.") && r.at[auditID].IsZero() {
				t.Fatalf("%s has a value in an event without auditID", f.Name)
			}
		}
	}
}

// TestSpelling gives an event in several spellings: as a text it is the same, but it is another event, so that nobody
// hides one behind another.
func TestSpelling(t *testing.T) {
	c := Catalogue("host")
	for _, most := range []int{0, 200} {
		texts, identities := map[string]bool{}, map[string]bool{}
		for _, member := range []string{`/>\u00e9`, `\/\u003e\u00E9`, `\u002f\u003Eé`, `\u002F>é`} {
			text := `{"kind":"Event","auditID" : "id","stageTimestamp":"2024-01-01T00:00:00Z","requestObject":{"a":"` +
				strings.Repeat("a", 200) + `"},"user":{"x` + member + `":["` + member + `"]}}`
			err := (&Splitter{MaxEvent: most}).Split(&Batch{}, []byte(text), func(b *Batch) error {
				for e := range b.All() {
					r := e.Data.(*Record)
					identity, _ := r.AppendIdentity(nil)
					identities[string(identity)] = true
					texts[r.PluginInfo()] = true
					texts[extractText(t, c, e, "jevt.obj").(string)] = true
					if got, want := extractText(t, c, e, "jevt.value[user]"), `{"x/>é":["/>é"]}`; got != want {
						t.Errorf("%s: the user is %s, want %s", text, got, want)
					}
					if most > 0 != r.trimmed {
						t.Errorf("%s: trimmed %v", text, r.trimmed)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(texts) != 2 || len(identities) != 4 {
			t.Errorf("%d texts, want one plain and one indented: %v; %d identities, want 4", len(texts), texts, len(identities))
		}
	}
}
