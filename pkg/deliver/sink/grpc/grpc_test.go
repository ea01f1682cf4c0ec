package grpc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/sink/grpc/outputs"
	"github.com/saker-security/saker/pkg/deliver/sink/grpc/version"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func render(dst []byte, a *alert.Alert) []byte { return append(append(dst, "line "...), a.Message...) }

// start makes a sink on a unix socket and gives its address.
func start(t *testing.T) (*Sink, Settings) {
	t.Helper()
	s := Settings{BindAddress: "unix://" + filepath.Join(t.TempDir(), "s")}
	return startWith(t, s), s
}

func startWith(t *testing.T, s Settings) *Sink {
	t.Helper()
	k, err := New(s, render, Version{Version: "v1.22.333-rc.1+b4", Engine: 59, Checksum: "abc"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-k.closing:
		default:
			if err := k.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return k
}

// connect dials the address; credentials nil for none.
func connect(t *testing.T, address string, c credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	if c == nil {
		c = insecure.NewCredentials()
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(c))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func sample(id string) *alert.Alert {
	return &alert.Alert{ID: id, Time: 1_700_000_000_000_000_042, Rule: "r " + id, Priority: 4, Source: "k8s_audit", Hostname: "h",
		Tags: []string{"a", "b"}, Message: "m " + id, Fields: []alert.Field{
			{Name: "f.list", JSON: `["x",1]`}, {Name: "f.none", JSON: "null"}, {Name: "f.number", JSON: "7"}, {Name: "f.text", JSON: `"a\"b\n"`},
		}}
}

// raw is a codec that leaves messages as they are on the wire, so that the generated code is not its own judge.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (raw) Name() string { return "proto" }

// fields decodes a message into its fields by number: numbers as decimals, bytes as text, a repeated field joined.
func fields(t *testing.T, b []byte) map[int]string {
	t.Helper()
	all := make(map[int]string)
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatalf("tag of %q", b)
		}
		b = b[n:]
		value := ""
		switch kind {
		case protowire.VarintType:
			v, length := protowire.ConsumeVarint(b)
			value, n = fmt.Sprint(v), length
		case protowire.BytesType:
			v, length := protowire.ConsumeBytes(b)
			value, n = string(v), length
		default:
			t.Fatalf("field %d has type %d", number, kind)
		}
		if n < 0 {
			t.Fatalf("field %d of %q", number, b)
		}
		b = b[n:]
		if old, ok := all[int(number)]; ok {
			value = old + "|" + value
		}
		all[int(number)] = value
	}
	return all
}

// The services on the wire, as Falco's clients call them: the names of the methods and the numbers of the fields are
// written out here by hand.
func TestWire(t *testing.T) {
	k, s := start(t)
	conn, ctx := connect(t, s.BindAddress, nil), within(t)
	var request, answer []byte
	if err := conn.Invoke(ctx, "/falco.version.service/version", &request, &answer, grpc.ForceCodec(raw{})); err != nil {
		t.Fatal(err)
	}
	want := map[int]string{1: "1.22.333-rc.1+b4", 2: "1", 3: "22", 4: "333", 5: "rc.1", 6: "b4", 7: "59", 8: "abc"}
	if diff := cmp.Diff(want, fields(t, answer)); diff != "" {
		t.Error(diff)
	}

	stamp := string(binary.AppendUvarint([]byte{1 << 3}, 1_700_000_000)) + "\x10\x2a"
	entry := func(name, value string) string {
		return fmt.Sprintf("\x0a%c%s\x12%c%s", len(name), name, len(value), value)
	}
	want = map[int]string{1: stamp, 2: "4", 3: "1", 4: "r 1", 5: "line m 1", 7: "h", 8: "a|b", 9: "k8s_audit"}
	entries := []string{entry("f.list", `["x",1]`), entry("f.none", "null"), entry("f.number", "7"), entry("f.text", "a\"b\n")}
	slices.Sort(entries)
	for _, method := range []string{"sub", "get"} {
		sent := make(chan error, 1)
		go func() { sent <- k.Send(ctx, []*alert.Alert{sample("1")}) }()
		stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/falco.outputs.service/"+method, grpc.ForceCodec(raw{}))
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.SendMsg(&request); err != nil {
			t.Fatal(err)
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if err := stream.RecvMsg(&answer); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		got := fields(t, answer)
		gotEntries := strings.Split(got[6], "|")
		slices.Sort(gotEntries)
		delete(got, 6)
		if diff := cmp.Diff(want, got) + cmp.Diff(entries, gotEntries); diff != "" {
			t.Errorf("%s: %s", method, diff)
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
		if err := stream.RecvMsg(&answer); !errors.Is(err, io.EOF) {
			t.Errorf("%s does not end: %v", method, err)
		}
	}
}

// Bytes that are no UTF-8 must not make a message that clients cannot read.
func TestBadText(t *testing.T) {
	k, s := start(t)
	ctx := within(t)
	stream, err := outputs.NewServiceClient(connect(t, s.BindAddress, nil)).Sub(ctx)
	if err != nil {
		t.Fatal(err)
	}
	bad := &alert.Alert{Rule: "a\xff", Message: "b\xff", Source: "c\xff", Hostname: "d\xff", Tags: []string{"e\xff"},
		Fields: []alert.Field{{Name: "f\xff", JSON: "\"\xff\""}, {Name: "g", JSON: "\"broken"}}}
	if err := k.Send(ctx, []*alert.Alert{bad}); err != nil {
		t.Fatal(err)
	}
	m, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	got := []string{m.Rule, m.Output, m.Source, m.Hostname, m.Tags[0], m.OutputFields["f\uFFFD"], m.OutputFields["g"]}
	want := []string{"a\uFFFD", "line b\uFFFD", "c\uFFFD", "d\uFFFD", "e\uFFFD", "\uFFFD", "\"broken"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Several clients share the alerts: each goes to one of them, all arrive, also those that a client left behind.
func TestClientsShare(t *testing.T) {
	const clients, alerts = 4, 400
	k, s := start(t)
	ctx := within(t)
	got := make(chan string, alerts)
	var group sync.WaitGroup
	receive, stop := context.WithCancel(ctx)
	for range clients {
		stream, err := outputs.NewServiceClient(connect(t, s.BindAddress, nil)).Sub(receive)
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			for {
				m, err := stream.Recv()
				if err != nil {
					return
				}
				got <- m.Rule
			}
		})
	}
	var batch []*alert.Alert
	for i := range alerts {
		batch = append(batch, sample(fmt.Sprint(i)))
	}
	var senders sync.WaitGroup
	for _, half := range [][]*alert.Alert{batch[:alerts/2], batch[alerts/2:]} {
		senders.Go(func() {
			if err := k.Send(ctx, half); err != nil {
				t.Error(err)
			}
		})
	}
	senders.Wait()
	seen := make(map[string]bool)
	for range alerts {
		select {
		case r := <-got:
			seen[r] = true
		case <-ctx.Done():
			t.Fatalf("%d alerts arrived", len(seen))
		}
	}
	if len(seen) != alerts {
		t.Errorf("%d different alerts arrived", len(seen))
	}
	stop()
	group.Wait()
}

// A client that goes away takes nothing with it: the alert goes to the next one.
func TestClientGoesAway(t *testing.T) {
	k, s := start(t)
	ctx := within(t)
	first, leave := context.WithCancel(ctx)
	conn := connect(t, s.BindAddress, nil)
	gone, err := outputs.NewServiceClient(conn).Sub(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Send(ctx, []*alert.Alert{sample("first")}); err != nil {
		t.Fatal(err)
	}
	if m, err := gone.Recv(); err != nil || m.Rule != "r first" {
		t.Fatal(m, err)
	}
	leave()
	if _, err := gone.Recv(); status.Code(err) != codes.Canceled {
		t.Fatal(err)
	}
	// The server has read that the call is over when it answers the next one on the same connection.
	if err := asks(t, conn); err != nil {
		t.Fatal(err)
	}
	o := &offer{message: message(sample("x"), render), result: make(chan error, 1)}
	if err := o.sendTo(goneStream{}); err == nil || <-o.result == nil {
		t.Error("an alert counts as sent to a client that is gone")
	}
	sent := make(chan error, 1)
	go func() { sent <- k.Send(ctx, []*alert.Alert{sample("second")}) }()
	next, err := outputs.NewServiceClient(connect(t, s.BindAddress, nil)).Sub(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if m, err := next.Recv(); err != nil || m.Rule != "r second" {
		t.Error(m, err)
	}
}

// goneStream is a stream whose call has ended.
type goneStream struct{}

func (goneStream) Context() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func (goneStream) Send(*outputs.Response) error { panic("sent") }

// Without a client nothing fails: Send waits, and says how far it came when its time is over.
func TestNobodyListens(t *testing.T) {
	k, s := start(t)
	ctx, stop := context.WithCancel(within(t))
	sent := make(chan error, 1)
	go func() { sent <- k.Send(ctx, []*alert.Alert{sample("1"), sample("2")}) }()
	conn := connect(t, s.BindAddress, nil)
	stream, err := outputs.NewServiceClient(conn).Sub(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	go func() { sent <- k.Send(ctx, []*alert.Alert{sample("3")}) }()
	stop()
	if err := <-sent; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	large := sample("large")
	large.Message = strings.Repeat("x", maxMessage)
	get, err := outputs.NewServiceClient(conn).Get(within(t), &outputs.Request{})
	if err != nil {
		t.Fatal(err)
	}
	err = k.Send(within(t), []*alert.Alert{sample("4"), large})
	partial, refused := new(deliver.Partial), new(deliver.Refused)
	if !errors.As(err, &partial) || partial.Done != 1 || !errors.As(err, &refused) {
		t.Errorf("a large alert: %v", err)
	}
	if m, err := get.Recv(); err != nil || m.Rule != "r 4" {
		t.Error(m, err)
	}
}

// The call get ends with the alerts that waited when it began, however fast new ones come.
func TestGetEnds(t *testing.T) {
	k, s := start(t)
	ctx, stop := context.WithCancel(within(t))
	var group sync.WaitGroup
	group.Go(func() {
		for i := 0; ; i++ {
			a := sample(fmt.Sprint(i))
			if i >= 3 {
				a.Time = time.Now().UnixNano()
			}
			if k.Send(ctx, []*alert.Alert{a}) != nil {
				return
			}
		}
	})
	stream, err := outputs.NewServiceClient(connect(t, s.BindAddress, nil)).Get(ctx, &outputs.Request{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for err == nil {
		if _, err = stream.Recv(); err == nil {
			n++
		}
	}
	// The fourth was made after the call took the third.
	if !errors.Is(err, io.EOF) || n != 4 {
		t.Errorf("%d alerts, then %v", n, err)
	}
	stop()
	group.Wait()
}

// Close ends the calls and what sends, and says so.
func TestClose(t *testing.T) {
	k, s := start(t)
	ctx := within(t)
	conn := connect(t, s.BindAddress, nil)
	stream, err := outputs.NewServiceClient(conn).Sub(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Send(ctx, []*alert.Alert{sample("1"), sample("2")}); err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := stream.Recv(); err != nil {
			t.Errorf("what was sent before is lost: %v", err)
		}
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Error(err)
	}
	if err := k.Send(ctx, []*alert.Alert{sample("3")}); !errors.Is(err, errClosed) && !strings.Contains(err.Error(), "ended") {
		t.Error(err)
	}
}

func TestVersion(t *testing.T) {
	for in, want := range map[string]*version.Response{
		"0.43.1":         {Version: "0.43.1", Minor: 43, Patch: 1},
		"v2.0.0-a.b+c":   {Version: "2.0.0-a.b+c", Major: 2, Prerelease: "a.b", Build: "c"},
		"v2.0.0+c":       {Version: "2.0.0+c", Major: 2, Build: "c"},
		"unknown":        {Version: "unknown"},
		"9999999999.0.0": {Version: "9999999999.0.0"},
		"\xff":           {Version: "\uFFFD"},
		"":               {},
	} {
		got := Version{Version: in}.response()
		if got.String() != want.String() {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func TestSourceNumbers(t *testing.T) {
	got := make(map[string]int)
	for _, name := range []string{"syscall", "k8s_audit", "internal", "okta", ""} {
		got[name] = int(sourceNumber(name))
	}
	want := map[string]int{"syscall": 0, "k8s_audit": 1, "internal": 2, "okta": 3, "": 3}
	if !maps.Equal(got, want) {
		t.Error(got)
	}
}

func BenchmarkSend(b *testing.B) {
	s := Settings{BindAddress: "unix://" + filepath.Join(b.TempDir(), "s")}
	k, err := New(s, render, Version{})
	if err != nil {
		b.Fatal(err)
	}
	defer k.Close()
	conn, err := grpc.NewClient(s.BindAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	stream, err := outputs.NewServiceClient(conn).Sub(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range b.N {
			if _, err := stream.Recv(); err != nil {
				b.Error(err)
				return
			}
		}
	}()
	batch := []*alert.Alert{sample("1")}
	b.ReportAllocs()
	for range b.N {
		if err := k.Send(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	<-done
}
