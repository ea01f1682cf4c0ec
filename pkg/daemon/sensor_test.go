package daemon

import (
	"os"
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/pkg/syscall/driver"
)

// lossy is a driver that lost events and has none to give.
type lossy struct {
	lost   map[driver.Loss]uint64
	closed chan struct{}
}

func (l *lossy) Name() string { return "lossy" }

func (l *lossy) Next() ([]byte, error) {
	<-l.closed
	return nil, os.ErrClosed
}

func (l *lossy) Stats() (driver.Stats, error) { return driver.Stats{Lost: l.lost}, nil }

func (l *lossy) Close() error {
	close(l.closed)
	return nil
}

// What the driver lost is said once, also when the program ends before the next look at the counters.
func TestLossesAreReported(t *testing.T) {
	var out output
	log, _, err := newLog(config.Log{Level: "info", Format: "json", Stderr: true}, &out)
	if err != nil {
		t.Fatal(err)
	}
	d := &lossy{lost: map[driver.Loss]uint64{driver.LossBufferFull: 3}, closed: make(chan struct{})}
	s := newSensor(config.Config{}, &pipeline{log: log}, log)
	s.live = &live{driver: d, inspector: syscall.New(syscall.Options{})}
	s.reportLosses()
	s.reportLosses()
	if text := out.String(); strings.Count(text, "were lost") != 1 || !strings.Contains(text, `"buffer_full":3,"new":3,"total":3`) {
		t.Errorf("log:\n%s", text)
	}
	d.lost[driver.LossBufferFull] = 5
	running := make(chan error)
	go func() { running <- s.run() }()
	if err := s.stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-running; err != nil {
		t.Error(err)
	}
	if text := out.String(); !strings.Contains(text, `"buffer_full":5,"new":2,"total":5`) {
		t.Errorf("log:\n%s", text)
	}
	if got := s.counts(); got.name != "" || got.driver.Lost[driver.LossBufferFull] != 5 {
		t.Errorf("counters of a closed driver: %+v", got)
	}
}
