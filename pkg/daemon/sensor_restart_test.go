package daemon

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"

	"github.com/saker-security/saker/pkg/config"
	"github.com/saker-security/saker/pkg/event"
	"github.com/saker-security/saker/pkg/syscall"
	"github.com/saker-security/saker/pkg/syscall/driver"
)

// fakeDriver gives an error when it is told to, and no event.
type fakeDriver struct {
	mu     sync.Mutex
	types  []uint16
	closed bool
	end    chan error
}

func (d *fakeDriver) Name() string { return "fake" }

func (d *fakeDriver) Next() ([]byte, error) { return nil, <-d.end }

func (d *fakeDriver) Stats() (driver.Stats, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return driver.Stats{}, os.ErrClosed
	}
	return driver.Stats{Delivered: 10, Lost: map[driver.Loss]uint64{driver.LossBufferFull: 2}}, nil
}

func (d *fakeDriver) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	select {
	case d.end <- os.ErrClosed:
	default: // it has ended
	}
	return nil
}

// changeable is a fakeDriver whose types can be changed.
type changeable struct{ *fakeDriver }

func (d changeable) Want(types []uint16) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.types = types
	return nil
}

// rulesFor is a rules file with a rule for one system call.
func rulesFor(name string) string {
	return "- rule: r\n  desc: d\n  condition: evt.type = " + name + "\n  output: x\n  priority: NOTICE\n"
}

// sensorUnderTest is a sensor whose drivers come from open.
func sensorUnderTest(t *testing.T, rules string, open func(types []uint16) (driver.Driver, error)) (s *sensor, swap func(rules string)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rules.yaml")
	write(t, file, rules)
	cfg := config.Default()
	cfg.RulesFiles = []string{file}
	p := pipelineOf(t, cfg)
	s = newSensor(cfg, p, zap.NewNop())
	s.openDriver = func(_ string, o driver.Options) (driver.Driver, error) { return open(o.Types) }
	return s, func(rules string) {
		t.Helper()
		write(t, file, rules)
		set, err := loadRules(cfg, zap.NewNop(), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		p.engine.Swap(set.compiled, engineOptions(cfg))
		s.retarget()
	}
}

const (
	typeConnect = 23
	typeOpenat  = 307
)

// A driver that fails is opened again, with the state seeded anew, and no counter goes back.
func TestSensorIsRestarted(t *testing.T) {
	var mu sync.Mutex
	var opened []*fakeDriver
	s, _ := sensorUnderTest(t, rulesFor("openat"), func(types []uint16) (driver.Driver, error) {
		mu.Lock()
		defer mu.Unlock()
		opened = append(opened, &fakeDriver{types: types, end: make(chan error, 1)})
		return opened[len(opened)-1], nil
	})
	seeded := 0
	newInspector := s.newInspector
	s.newInspector = func() (*syscall.Inspector, error) {
		seeded++
		return newInspector()
	}
	d := &Daemon{log: zap.NewNop(), pipeline: s.pipeline, stopTime: stopTime}
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	d.sources = []*keeper{d.keep(s, "syscall")}
	end, _ := d.start(t.Context(), d.sources)
	opened[0].end <- errors.New("torn")
	waitUntil(t, func() bool { state := d.sources[0].state(); return state.up && state.restarts == 1 })
	if got := s.counts(); got.name != "fake" || got.driver.Delivered != 20 || got.driver.Lost[driver.LossBufferFull] != 4 || got.state.Threads == 0 {
		t.Errorf("counters of two drivers: %+v", got)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if got := s.counts(); got.name != "" || got.driver.Delivered != 20 || got.state.Threads != 0 || got.left != 20 || seeded != 2 {
		t.Errorf("counters at the end: %+v, seeded %d times", got, seeded)
	}
}

// The driver delivers what the rules ask for after a reload: it is changed while it runs if it can be, and opened again
// if not; without rules for system calls it is not opened before there are some.
func TestSensorFollowsTheRules(t *testing.T) {
	for _, canChange := range []bool{false, true} {
		var mu sync.Mutex
		var opened []*fakeDriver
		s, swap := sensorUnderTest(t, "- list: l\n  items: []\n", func(types []uint16) (driver.Driver, error) {
			mu.Lock()
			defer mu.Unlock()
			d := &fakeDriver{types: types, end: make(chan error, 1)}
			opened = append(opened, d)
			if canChange {
				return changeable{d}, nil
			}
			return d, nil
		})
		wanted := func() (drivers int, connect, openat bool) {
			mu.Lock()
			defer mu.Unlock()
			if len(opened) == 0 {
				return 0, false, false
			}
			last := opened[len(opened)-1]
			last.mu.Lock()
			defer last.mu.Unlock()
			return len(opened), slices.Contains(last.types, typeConnect), slices.Contains(last.types, typeOpenat)
		}
		if err := s.open(); err != nil {
			t.Fatal(err)
		}
		running := make(chan error)
		go func() { running <- s.run() }()
		if n, _, _ := wanted(); n != 0 {
			t.Error("a driver is open although no rule asks for one")
		}
		swap(rulesFor("openat"))
		waitUntil(t, func() bool {
			n, connect, openat := wanted()
			return n == 1 && !connect && openat && s.counts().name != ""
		})
		swap(rulesFor("connect"))
		again := map[bool]int{false: 2, true: 1}[canChange]
		waitUntil(t, func() bool {
			n, connect, openat := wanted()
			return n == again && connect && !openat && s.counts().name != ""
		})
		if err := s.stop(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-running; err != nil {
			t.Error(err)
		}
	}
}

// A rule that a reload brings is evaluated for system calls that nobody asked for before.
func TestSensorAfterReload(t *testing.T) {
	needSensor(t)
	file, marker := filepath.Join(t.TempDir(), "rules.yaml"), filepath.Join(t.TempDir(), "marker")
	write(t, file, rulesFor("setpgid"))
	write(t, marker, "")
	cfg := testConfig()
	cfg.RulesFiles, cfg.Watch = []string{file}, true
	d, stdout, _, _ := start(t, cfg, "syscall")
	before := d.sensor.counts()
	write(t, file, "- rule: r\n  desc: d\n  condition: evt.type = openat and fd.name = "+marker+"\n  output: opened %fd.name by %proc.pid\n  priority: NOTICE\n")
	waitUntil(t, func() bool {
		if _, err := os.ReadFile(marker); err != nil {
			t.Fatal(err)
		}
		return strings.Contains(stdout.String(), "opened "+marker)
	})
	if after := d.sensor.counts(); after.driver.Delivered <= before.driver.Delivered || after.name != "co-re" || after.state.Threads == 0 {
		t.Errorf("the driver was opened again: %+v", after)
	}
	for _, s := range d.sourceStates() {
		if s.name == event.SourceSyscall && (!s.up || s.restarts != 0) {
			t.Errorf("state %+v", s)
		}
	}
}
