package program

import (
	"strings"
	"testing"

	"github.com/saker-security/saker/pkg/event"
)

// TestSemantics holds what the observed cases leave open. All conditions are in one program, so that similar ones
// would be found to share what they must not.
func TestSemantics(t *testing.T) {
	e := newEvent(map[string]event.Value{
		"str": text("Abc"), "str2": text("*bC"), "path": text("a/b"), "ends": list(num(80), num(443)), "port": num(80),
		"u16": num(443), "anc": texts("sh", "bash"), "i32": num(1<<64 - 5), "i64": num(1<<64 - 5), "dbl": num(1 << 63), // -0
		"ips": list(addr("10.0.0.1"), addr("10.0.0.2")), "strs": texts("Abc", "*bC"), "endnet": list(addr("10.0.0.1"), addr("::1")),
	})
	tests := []struct {
		cond string
		want bool
	}{
		{"t.str contains anyof (b, z)", true}, {"t.str contains allof (b, z)", false}, {"t.str contains oneof (b, z)", true},
		{"t.str contains oneof (b, c)", false}, {"t.str = oneof (Abc)", true}, {"t.str = oneof (Abc, Abc)", false},
		{"t.str != anyof (Abc)", false}, {"t.str != anyof (Abc, x)", true}, {"t.str != allof (Abc, x)", false},
		{"t.str != allof (y, x)", true}, {"t.str != oneof (Abc, x)", true}, {"t.str = allof (Abc)", true},
		{"t.str = allof ()", false}, {"t.str != allof ()", false}, {"t.str = anyof", false},

		// The right side of an event is a pattern or a part as a constant is.
		{"t.str iglob val(t.str2)", true}, {"t.str glob val(t.str2)", false}, {"t.str icontains val(t.str2)", false},
		{"t.str icontains toupper(t.str)", true}, {"t.path icontains toupper(basename(t.path))", true}, {"t.str > val(t.str2)", true}, {"t.str <= val(t.str2)", false},
		{"t.ips in val(t.ips)", true}, {"t.strs intersects toupper(t.strs)", false}, {"t.strs in tolower(t.strs)", false},

		// Several values: the two ends of a connection, the ancestors of a process.
		{"t.ends = val(t.port)", true}, {"t.ends != val(t.port)", false}, {"t.ends > val(t.port)", true},
		{"t.ends < val(t.port)", false}, {"t.ends in (22, 443)", true}, {"t.ends != 22", true}, {"t.ends != 443", false},
		{"not t.ends = 80", false}, {"t.ends = anyof (22, 80)", true}, {"t.ends != allof (22, 80)", false},
		{"t.endnet != 192.168.0.0/16", true}, {"t.endnet != 10.0.0.0/8", false}, {"t.endnet in (192.168.0.0/16, ::/64)", true},
		{"t.anc != sh", true}, {"t.anc != anyof (sh, bash)", true}, {"t.anc contains allof (b, sh)", true},
		{"t.anc contains allof (b, zz)", false}, {"t.anc exists", true}, {"t.anc[1] = bash", true}, {"t.anc[2] exists", false},

		{"t.i32 < 0", true}, {"t.i32 = -5", true}, {"t.i64 >= -5", true}, {"t.i64 < -5", false}, {"t.i32 in (-5, 1)", true},
		{"t.dbl = 0", true}, {"t.dbl in (0, 1)", true}, {"t.dbl < 0", false}, {"t.dbl >= 0", true}, {"t.dbl != 0", false},
		{"t.port = www", true}, {"t.port in (ssh, http)", true},
	}
	var conds []string
	for _, tt := range tests {
		conds = append(conds, tt.cond)
	}
	p, ids := compile(t, conds...)
	s := p.NewState()
	s.Begin(e)
	for i, tt := range tests {
		if got := s.True(ids[i]); got != tt.want {
			t.Errorf("%s: got %v", tt.cond, got)
		}
	}
}

// TestBothEnds: != with a field on the right holds when neither end is equal to it.
func TestBothEnds(t *testing.T) {
	for port, want := range map[uint64]bool{22: true, 80: false, 443: false} {
		e := newEvent(map[string]event.Value{"ends": list(num(80), num(443)), "port": num(port)})
		if got := evaluate(t, "t.ends != val(t.port)", e); got != want {
			t.Errorf("%d: got %v", port, got)
		}
	}
}

func TestGetopt(t *testing.T) {
	tests := []struct {
		argv, options, option, want string
	}{
		{"-n -t 5", "nt:", "", "n t 5"}, {"-nt5", "nt:", "", "n t 5"}, {"-nt 5 x", "nt:", "", "n t 5"}, {"-t", "nt:", "", "|"},
		{"-x -n", "n", "", "? n"}, {"-n -- -n", "n", "", "n"}, {"-n x -n", "n", "", "n"}, {"-n - -n", "n", "", "n"},
		{"--long -n", "n", "", "n"}, {"-:", "n:", "", "?"}, {"-n", ":n", "", "n"}, {"x", "n", "", "|"}, {"-t -n", "nt:", "", "t -n"},
		{"-a 1 -a 2", "a:", "a", "2"}, {"-n -n", "n", "n", "n"}, {"-a 1", "a:b", "b", "missing"}, {"-a", "a:", "a", "|"},
		{"-b -a1", "a:b", "a", "1"}, {"-x", "a", "x", "missing"},
	}
	for _, tt := range tests {
		cond := `getopt(t.strs, "` + tt.options + `")`
		if tt.option != "" {
			cond += "[" + tt.option + "]"
		} else {
			cond = `join(" ", ` + cond + `)`
		}
		e := newEvent(map[string]event.Value{"strs": texts(strings.Fields(tt.argv)...)})
		want := " = '" + strings.TrimSuffix(tt.want, "|") + "'" // | stands for an empty text
		if tt.want == "missing" {
			if evaluate(t, cond+" exists", e) {
				t.Errorf("%v: not missing", tt)
			}
			continue
		}
		if !evaluate(t, cond+want, e) {
			t.Errorf("%v: wrong", tt)
		}
	}
}

// TestEmptyResult: a transformer's list without elements is a value, a field's is not.
func TestEmptyResult(t *testing.T) {
	e := newEvent(map[string]event.Value{"strs": texts("file")})
	for cond, want := range map[string]bool{
		`getopt(t.strs, "n") exists`: true, `getopt(t.strs, "n") in (a)`: true, `getopt(t.strs, "n") intersects (a)`: false,
		`len(getopt(t.strs, "n")) = 0`: true, `join("-", ()) = ""`: true,
		`getopt(t.missings, "n") exists`: false, `len(t.missings) = 0`: false,
	} {
		if got := evaluate(t, cond, e); got != want {
			t.Errorf("%s: got %v", cond, got)
		}
	}
}

func TestBase64(t *testing.T) {
	for in, want := range map[string]string{"YWJj": "abc", "YWI=": "ab", "YWI": "ab", "YQ==": "a", "YQ": "a", "": "", "YQ=": "missing",
		"=": "missing", "====": "missing", "YWJjZ": "missing", "Y W": "missing", "YW-_": "missing", "é": "missing"} {
		e := newEvent(map[string]event.Value{"str": text(in)})
		if got := evaluate(t, "b64(t.str) exists", e); got != (want != "missing") {
			t.Errorf("%q: exists is %v", in, got)
		}
		if want != "missing" && !evaluate(t, "b64(t.str) = '"+want+"'", e) {
			t.Errorf("%q: wrong", in)
		}
	}
}

// TestClasses counts the ASCII bytes of each POSIX class.
func TestClasses(t *testing.T) {
	for name, want := range map[string]int{"alpha": 52, "digit": 10, "alnum": 62, "lower": 26, "upper": 26, "space": 6, "blank": 2,
		"punct": 32, "print": 95, "graph": 94, "cntrl": 33, "xdigit": 22, "word": 0} {
		n := 0
		for c := range 256 {
			if in, known := inClass(name, byte(c)); in && known {
				n++
			}
		}
		if n != want {
			t.Errorf("%s: %d bytes, want %d", name, n, want)
		}
	}
}
