package daemon

import (
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"go.uber.org/zap/zapcore"
)

// syslogSocket is where the machine takes in log messages.
var syslogSocket = "/dev/log"

// Limits of the log in syslog: a message waits no longer than syslogPatience for a socket that nobody reads, and after
// a failure the socket is left alone for syslogPause.
const (
	syslogPatience = 100 * time.Millisecond
	syslogPause    = 5 * time.Second
)

// syslogSeverities are the severities of syslog, of the facility daemon (3).
var syslogSeverities = map[zapcore.Level]int{
	zapcore.DebugLevel: 7, zapcore.InfoLevel: 6, zapcore.WarnLevel: 4, zapcore.ErrorLevel: 3,
}

const facilityDaemon = 3

// syslogCore writes the program's own log to the syslog of this machine, as text in the form that its socket takes:
// <PRIORITY>TIME NAME[PID]: MESSAGE. On a machine without syslog it does nothing.
type syslogCore struct {
	zapcore.LevelEnabler
	encoder zapcore.Encoder
	socket  *logSocket
}

func newSyslogCore(level zapcore.LevelEnabler) *syslogCore {
	c := encoderConfig()
	c.TimeKey, c.LevelKey, c.SkipLineEnding = "", "", true
	return &syslogCore{level, zapcore.NewConsoleEncoder(c), &logSocket{path: syslogSocket}}
}

// With is part of zapcore.Core.
func (c *syslogCore) With(fields []zapcore.Field) zapcore.Core {
	encoder := c.encoder.Clone()
	for _, f := range fields {
		f.AddTo(encoder)
	}
	return &syslogCore{c.LevelEnabler, encoder, c.socket}
}

// Check is part of zapcore.Core.
func (c *syslogCore) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return checked.AddCore(e, c)
	}
	return checked
}

// Write is part of zapcore.Core.
func (c *syslogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	text, err := c.encoder.EncodeEntry(e, fields)
	if err != nil {
		return err
	}
	defer text.Free()
	severity, ok := syslogSeverities[e.Level]
	if !ok {
		severity = 2 // what is worse than an error ends the program
	}
	c.socket.write(fmt.Sprintf("<%d>%s saker[%d]: ", facilityDaemon<<3|severity, e.Time.Format(time.Stamp), os.Getpid()), text.Bytes())
	return nil
}

// Sync is part of zapcore.Core.
func (c *syslogCore) Sync() error { return nil }

// logSocket is a connection to a syslog socket, made when it is needed and again after it broke.
type logSocket struct {
	path string
	mu   sync.Mutex
	conn net.Conn
	// again is when a socket that failed is tried again.
	again time.Time
}

// open connects. Others must not use the socket meanwhile.
func (s *logSocket) open(now time.Time) (err error) {
	if s.conn, err = (&net.Dialer{Timeout: syslogPatience}).Dial("unixgram", s.path); err != nil {
		s.conn, s.again = nil, now.Add(syslogPause)
	}
	return err
}

// write sends one message. A failure is not told: this is the log, and standard error has the same.
func (s *logSocket) write(head string, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.conn == nil && (now.Before(s.again) || s.open(now) != nil) {
		return
	}
	message := append([]byte(head), printableBytes(text)...)
	_ = s.conn.SetWriteDeadline(now.Add(syslogPatience)) // a socket that cannot have one fails to write as well
	if _, err := s.conn.Write(message); err != nil {
		s.conn.Close()
		s.conn, s.again = nil, now.Add(syslogPause)
	}
}
