package syslog_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/saker-security/saker/pkg/alert"
	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/sink/sinktest"
	"github.com/saker-security/saker/pkg/deliver/sink/syslog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, s syslog.Settings) *syslog.Sink {
	t.Helper()
	sink, err := syslog.New(s, sinktest.Message, func(err error) { t.Errorf("warning: %v", err) })
	must(t, err)
	t.Cleanup(func() {
		if err := sink.Close(); err != nil {
			t.Error(err)
		}
	})
	return sink
}

func send(t testing.TB, s *syslog.Sink, first, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	must(t, s.Send(ctx, sinktest.Batch(first, n)))
}

// socket listens for datagrams, at a path for unixgram and else at an address.
func socket(t testing.TB, network, address string) net.PacketConn {
	t.Helper()
	conn, err := net.ListenPacket(network, address)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// receive reads a datagram.
func receive(t testing.TB, conn net.PacketConn) string {
	t.Helper()
	must(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	buffer := make([]byte, 1<<20)
	n, _, err := conn.ReadFrom(buffer)
	must(t, err)
	return string(buffer[:n])
}

func TestSettings(t *testing.T) {
	for _, test := range []struct {
		s    syslog.Settings
		want string
	}{
		{syslog.Settings{Network: "local"}, ""},
		{syslog.Settings{Network: "local", Facility: "security"}, ""},
		{syslog.Settings{Network: "udp", Address: "[::1]:514"}, ""},
		{syslog.Settings{Network: "unix"}, `unknown syslog network "unix"; one of local, udp, tcp, tls`},
		{syslog.Settings{Network: "udp", Address: "host"}, `the address "host" of the syslog daemon is not host:port`},
		{syslog.Settings{Network: "tcp", Address: ":514"}, "is not host:port"},
		{syslog.Settings{Network: "local", Facility: "local8"}, `unknown syslog facility "local8"; one of kern, user, mail, daemon,`},
	} {
		sink, err := syslog.New(test.s, sinktest.Message, nil)
		if test.want == "" {
			must(t, err)
			must(t, sink.Close())
		} else if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: error %v, want %s", test.s, err, test.want)
		}
	}
	for name, want := range map[string]int{"kern": 0, "auth": 4, "security": 4, "ftp": 11, "local0": 16, "local7": 23} {
		if code, err := syslog.Facility(name); err != nil || code != want {
			t.Errorf("%s: %d, %v", name, code, err)
		}
	}
	if _, err := syslog.Facility(""); err == nil {
		t.Error("no name is a facility")
	}
}

// TestLocal: the form of syslog(3), order kept, a daemon that is started again, and none at all.
func TestLocal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	daemon := socket(t, "unixgram", path)
	sink := open(t, syslog.Settings{Network: "local", Address: path, Facility: "local3", AppName: "sa ker"})
	a := &alert.Alert{Time: time.Date(2026, 3, 4, 5, 6, 7, 0, time.Local).UnixNano(), Priority: 2, Message: "some text\n<1>x\x00"}
	must(t, sink.Send(t.Context(), []*alert.Alert{a}))
	want := fmt.Sprintf(`<154>Mar  4 05:06:07 sa_ker[%d]: some text\n<1>x\u0000`, os.Getpid())
	if diff := cmp.Diff(want, receive(t, daemon)); diff != "" {
		t.Error(diff)
	}
	for i := range 50 {
		if i%5 == 0 { // the socket holds few messages
			send(t, sink, i, 5)
		}
		if got := receive(t, daemon); !strings.HasSuffix(got, fmt.Sprintf(": alert %d", i)) {
			t.Fatalf("message %d: %s", i, got)
		}
	}
	daemon.Close()
	must(t, errors.Join(os.Remove(path)))
	err := sink.Send(t.Context(), sinktest.Batch(50, 1))
	if err == nil || !strings.Contains(err.Error(), "connect to the syslog daemon of this machine") || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	daemon = socket(t, "unixgram", path)
	send(t, sink, 50, 1)
	receive(t, daemon)
	daemon.Close()
	must(t, os.Remove(path))
	daemon = socket(t, "unixgram", path)
	send(t, sink, 51, 1) // without an error in between
	if got := receive(t, daemon); !strings.HasSuffix(got, ": alert 51") {
		t.Error(got)
	}
}

// TestLocalLong: a message is whole if the socket takes it, and else cut with a mark.
func TestLocalLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	daemon := socket(t, "unixgram", path)
	sink := open(t, syslog.Settings{Network: "local", Address: path})
	for size, whole := range map[int]bool{100_000: true, 10 << 20: false} {
		must(t, sink.Send(t.Context(), []*alert.Alert{{Message: strings.Repeat("ä", size/2)}}))
		got := receive(t, daemon)
		if whole && len(got) < size || !whole && !regexp.MustCompile(`ää \[cut from 10\d+ bytes\]$`).MatchString(got) {
			t.Errorf("%d bytes: %d were received", size, len(got))
		}
	}
}

// TestLocalFull: a daemon that does not read makes Send end with its context, and what it took is told.
func TestLocalFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	daemon := socket(t, "unixgram", path)
	sink := open(t, syslog.Settings{Network: "local", Address: path})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	const n = 10000
	err := sink.Send(ctx, sinktest.Batch(0, n))
	var partial *deliver.Partial
	done := 0
	if errors.As(err, &partial) {
		done = partial.Done
	}
	if !errors.Is(err, context.DeadlineExceeded) || done >= n {
		t.Fatalf("error %v", err)
	}
	for i := range done {
		if got := receive(t, daemon); !strings.HasSuffix(got, fmt.Sprintf(": alert %d", i)) {
			t.Fatalf("message %d: %s", i, got)
		}
	}
	send(t, sink, done, 1)
	if got := receive(t, daemon); !strings.HasSuffix(got, fmt.Sprintf(": alert %d", done)) {
		t.Error(got)
	}
}

// TestLocalStream: old daemons have a stream, on which a zero byte ends each message.
func TestLocalStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	listener, err := net.Listen("unix", path)
	must(t, err)
	defer listener.Close()
	sink := open(t, syslog.Settings{Network: "local", Address: path})
	send(t, sink, 0, 2)
	conn, err := listener.Accept()
	must(t, err)
	buffer := make([]byte, 1000)
	n, err := conn.Read(buffer)
	must(t, err)
	messages := strings.Split(string(buffer[:n]), "\x00")
	if len(messages) != 3 || !strings.HasSuffix(messages[0], ": alert 0") || !strings.HasSuffix(messages[1], ": alert 1") || messages[2] != "" {
		t.Errorf("messages %q", messages)
	}
	conn.Close()
	send(t, sink, 2, 1) // on a new connection, without an error
	conn, err = listener.Accept()
	must(t, err)
	defer conn.Close()
	if n, err := conn.Read(buffer); err != nil || !strings.HasSuffix(string(buffer[:n]), ": alert 2\x00") {
		t.Errorf("%q, %v", buffer[:n], err)
	}
}

func TestUDP(t *testing.T) {
	daemon := socket(t, "udp", "127.0.0.1:0")
	sink := open(t, syslog.Settings{Network: "udp", Address: daemon.LocalAddr().String()})
	a := &alert.Alert{ID: "01ABC", Time: 1700000000_123456789, Rule: `a "rule" [x]\`, Priority: 4, Source: "syscall", Hostname: "node 1", Message: "grüße\n"}
	must(t, sink.Send(t.Context(), []*alert.Alert{a}))
	text := receive(t, daemon)
	want := fmt.Sprintf(`<28>1 2023-11-14T22:13:20.123456Z node_1 saker %d alert [saker@32473 id="01ABC" rule="a \"rule\" [x\]\\" source="syscall"] grüße\n`, os.Getpid())
	if diff := cmp.Diff(want, text); diff != "" {
		t.Error(diff)
	}
	got, err := parse(text)
	must(t, err)
	wanted := parsed{
		facility: 3, severity: 4, time: time.UnixMicro(1700000000_123456).UTC(), hostname: "node_1", app: "saker",
		process: strconv.Itoa(os.Getpid()), kind: "alert", id: "saker@32473",
		parameters: map[string]string{"id": "01ABC", "rule": `a "rule" [x]\`, "source": "syscall"}, message: `grüße\n`,
	}
	if diff := cmp.Diff(wanted, got, cmp.AllowUnexported(parsed{})); diff != "" {
		t.Error(diff)
	}
}

// TestUDPSize: no datagram is larger than what every receiver takes, whatever the alert holds.
func TestUDPSize(t *testing.T) {
	daemon := socket(t, "udp", "127.0.0.1:0")
	sink := open(t, syslog.Settings{Network: "udp", Address: daemon.LocalAddr().String()})
	long := strings.Repeat(`]\"`, 10000)
	for _, message := range []string{strings.Repeat("ä", 5000), "a" + strings.Repeat("ä", 5000), "short"} {
		must(t, sink.Send(t.Context(), []*alert.Alert{{Rule: long, Source: long, Hostname: long, Message: message}}))
		text := receive(t, daemon)
		got, err := parse(text)
		must(t, err)
		marked := regexp.MustCompile(`^a?ä+ \[cut from \d+ bytes\]$`).MatchString(got.message)
		if len(text) > 2048 || message != "short" && (!marked || len(text) < 2046) || message == "short" && got.message != message {
			t.Errorf("%d bytes: %s", len(text), text)
		}
	}
}

// TestUDPRefused: where the other machine says that nobody listens, it is an error and the alerts are sent again.
func TestUDPRefused(t *testing.T) {
	daemon := socket(t, "udp", "127.0.0.1:0")
	address := daemon.LocalAddr().String()
	daemon.Close()
	sink := open(t, syslog.Settings{Network: "udp", Address: address})
	err := sink.Send(t.Context(), sinktest.Batch(0, 5))
	var partial *deliver.Partial
	if !errors.Is(err, unix.ECONNREFUSED) || errors.As(err, &partial) {
		t.Errorf("error %v", err)
	}
	daemon = socket(t, "udp", address)
	send(t, sink, 0, 5)
	for i := range 5 {
		if got := receive(t, daemon); !strings.HasSuffix(got, fmt.Sprintf("] alert %d", i)) {
			t.Errorf("message %d: %s", i, got)
		}
	}
}

// TestMessages: whatever an alert holds, each way carries one message of it without control characters, and the
// fields of RFC 5424 hold what they should.
func TestMessages(t *testing.T) {
	local := filepath.Join(t.TempDir(), "log")
	daemons := map[string]net.PacketConn{"local": socket(t, "unixgram", local), "udp": socket(t, "udp", "127.0.0.1:0")}
	sinks := map[string]*syslog.Sink{
		"local": open(t, syslog.Settings{Network: "local", Address: local}),
		"udp":   open(t, syslog.Settings{Network: "udp", Address: daemons["udp"].LocalAddr().String()}),
	}
	server := serve(t, nil)
	sinks["tcp"] = open(t, syslog.Settings{Network: "tcp", Address: server.address()})
	before := regexp.MustCompile(`^<\d{1,3}>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d saker\[\d+\]: `)
	sent := 0
	rapid.Check(t, func(r *rapid.T) {
		a := sinktest.Alert().Draw(r, "alert")
		texts := map[string]string{}
		for name, sink := range sinks {
			if err := sink.Send(context.Background(), []*alert.Alert{a}); err != nil {
				r.Fatal(err)
			}
			if daemon := daemons[name]; daemon != nil {
				texts[name] = receive(t, daemon)
			}
		}
		sent++
		texts["tcp"] = server.wait(t, sent)[sent-1]
		var messages []string
		for name, text := range texts {
			if strings.ContainsFunc(text, unicode.IsControl) {
				r.Fatalf("%s: %q", name, text)
			}
			if name == "local" {
				head := before.FindString(text)
				if head == "" {
					r.Fatalf("%q", text)
				}
				messages = append(messages, text[len(head):])
				continue
			}
			p, err := parse(text)
			if err != nil || p.parameters["id"] != a.ID || len(p.parameters) != 3 || p.severity != int(a.Priority) || p.facility != 3 {
				r.Fatalf("%s: %+v, %v", name, p, err)
			}
			messages = append(messages, p.message)
		}
		if messages[0] != messages[1] || messages[1] != messages[2] {
			r.Fatalf("different texts: %q", messages)
		}
	})
}
