package daemon

import (
	"io/fs"
	"math"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/saker-security/saker/pkg/config"
)

func files(texts map[string]string) fs.FS {
	m := fstest.MapFS{}
	for name, text := range texts {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func TestReadUsage(t *testing.T) {
	f := files(map[string]string{
		"proc/self/status":                       "Name:\tsaker\nVmSize:\t    2000 kB\nVmRSS:\t     500 kB\nThreads:\t9\n",
		"proc/self/smaps_rollup":                 "00400000-7fff ---p 00000000 00:00 0    [rollup]\nRss: 500 kB\nPss: 400 kB\n",
		"proc/self/cgroup":                       "0::/a/b\n",
		"sys/fs/cgroup/a/b/memory.current":       "1000\n",
		"sys/fs/cgroup/a/memory.current":         "3000\n",
		"proc/meminfo":                           "MemTotal: 1000 kB\nMemFree: 300 kB\nBuffers: 100 kB\nCached: 200 kB\n",
		"proc/sys/fs/file-nr":                    "1398\t0\t9223372036854775807\n",
		"proc/stat":                              "cpu  10 0 10 70 10 0 0 0 0 0\ncpu0 5 0 5 35 5 0 0 0 0 0\ncpu1 5 0 5 35 5 0 0 0 0 0\nbtime 1795247422\nprocs_running 2\n",
		"sys/fs/cgroup/memory.unrelated":         "1",
		"sys/fs/cgroup/memory/memory.usage_in_b": "1",
	})
	u := readUsage(f, f, time.Hour)
	if u.cpu < 0 || u.cpu > 100 {
		t.Errorf("processor time %v", u.cpu)
	}
	u.cpu = 0
	want := usage{
		hostCPU: 0.2, rss: 500 << 10, vsz: 2000 << 10, pss: 400 << 10, container: 1000, hostMemory: 400 << 10,
		procsRunning: 2, openFiles: 1398, boot: 1795247422e9, cpus: 2,
	}
	if u != want {
		t.Errorf("got  %+v\nwant %+v", u, want)
	}
	for name, got := range map[string]float64{
		"rss": readUsage(files(nil), files(nil), 0).rss, "memory": readUsage(files(nil), files(nil), 0).hostMemory,
		"boot": readUsage(files(nil), files(nil), 0).boot, "cpu": readUsage(files(nil), files(nil), 0).cpu,
	} {
		if !math.IsNaN(got) {
			t.Errorf("%s without files: %v", name, got)
		}
	}
	if u := readUsage(os.DirFS("/"), os.DirFS("/"), time.Second); !(u.rss > 1<<20 && u.boot > 0 && u.hostMemory > 0) {
		t.Errorf("this machine: %+v", u)
	}
}

func TestMemoryLimit(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"none":             {nil, 0},
		"no word":          {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 0},
		"in a container":   {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1000\n"}, 900},
		"of the parent":    {map[string]string{"proc/self/cgroup": "0::/x/y\n", "sys/fs/cgroup/x/y/memory.max": "max\n", "sys/fs/cgroup/x/memory.max": "2000"}, 1800},
		"the least":        {map[string]string{"proc/self/cgroup": "0::/x/y\n", "sys/fs/cgroup/x/y/memory.max": "1000\n", "sys/fs/cgroup/x/memory.max": "2000"}, 900},
		"version 1":        {map[string]string{"proc/self/cgroup": "4:memory:/p\n0::/\n", "sys/fs/cgroup/memory/p/memory.limit_in_bytes": "1000\n"}, 900},
		"version 1, none":  {map[string]string{"proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		"broken":           {map[string]string{"proc/self/cgroup": "nonsense\n0:\n", "sys/fs/cgroup/memory.max": "1000"}, 0},
		"outside":          {map[string]string{"proc/self/cgroup": "0::/../..\n", "sys/fs/cgroup/memory.max": "1000"}, 900},
		"number too large": {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "99999999999999999999999"}, 0},
	} {
		got, ok := memoryLimit(files(test.files))
		if got != test.want || ok != (test.want > 0) {
			t.Errorf("%s: %d %v, want %d", name, got, ok, test.want)
		}
	}
}

// The limit is set where there is one, unless the environment gives another, and said in the log.
func TestLimitMemory(t *testing.T) {
	limited := files(map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1000\n"})
	for _, test := range []struct {
		own        fs.FS
		given      string
		want       int64
		wantLogged string
	}{
		{limited, "", 900, `"from":"control group","bytes":900`},
		{limited, "300MiB", 0, `"from":"GOMEMLIMIT","limit":"300MiB"`},
		{files(nil), "", 0, ""},
	} {
		var out output
		log, _, err := newLog(config.Log{Level: "info", Format: "json", Stderr: true}, &out)
		if err != nil {
			t.Fatal(err)
		}
		var got int64
		limitMemory(test.own, test.given, func(n int64) int64 { got = n; return 0 }, log)
		if got != test.want || !strings.Contains(out.String(), test.wantLogged) || test.wantLogged == "" && out.String() != "" {
			t.Errorf("%q: set %d, logged %q", test.given, got, out.String())
		}
	}
}
