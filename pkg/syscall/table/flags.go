package table

// Flag is one name in a flag table.
type Flag struct {
	Name  string
	Value uint64
}

// Bits of open flags as events carry them. They are the numbers of the capture format, not those of the kernel.
const (
	OpenRead      = 1 << 0
	OpenWrite     = 1 << 1
	OpenCreate    = 1 << 2
	OpenDirectory = 1 << 10
	OpenCloexec   = 1 << 12
	OpenTmpfile   = 1 << 13
	// OpenCreated says that the call really made the file.
	OpenCreated    = 1 << 14
	OpenUpperLayer = 1 << 15
	OpenLowerLayer = 1 << 16
)

// ResolveInRoot is the bit of openat2's resolve flags that makes the directory the root of the path.
const ResolveInRoot = 1 << 1

// Bits of clone flags as events carry them.
const (
	CloneThread      = 1 << 13
	CloneFiles       = 1 << 0
	CloneParent      = 1 << 8
	CloneNewPIDNS    = 1 << 6
	CloneChildInside = 1 << 29
)

// Bits of execve flags as events carry them.
const (
	ExeWritable   = 1 << 0
	ExeUpperLayer = 1 << 1
	ExeFromMemfd  = 1 << 2
	ExeLowerLayer = 1 << 3
)

// The order in a flag table is the order in which names are printed, and a name whose bits were taken by an earlier
// one is not printed: O_RDWR hides O_RDONLY and O_WRONLY.

// FileFlags are the flags of the open family.
var FileFlags = []Flag{
	{"O_LARGEFILE", 1 << 11}, {"O_DIRECTORY", OpenDirectory}, {"O_DIRECT", 1 << 9}, {"O_TRUNC", 1 << 8},
	{"O_SYNC", 1 << 7}, {"O_NONBLOCK", 1 << 6}, {"O_EXCL", 1 << 5}, {"O_DSYNC", 1 << 4}, {"O_APPEND", 1 << 3},
	{"O_CREAT", OpenCreate}, {"O_RDWR", OpenRead | OpenWrite}, {"O_WRONLY", OpenWrite}, {"O_RDONLY", OpenRead},
	{"O_CLOEXEC", OpenCloexec}, {"O_NONE", 0}, {"O_TMPFILE", OpenTmpfile}, {"O_F_CREATED", OpenCreated},
	{"FD_UPPER_LAYER", OpenUpperLayer}, {"FD_LOWER_LAYER", OpenLowerLayer},
}

// ResolveFlags are the resolve flags of openat2.
var ResolveFlags = []Flag{
	{"RESOLVE_BENEATH", 1 << 0}, {"RESOLVE_IN_ROOT", ResolveInRoot}, {"RESOLVE_NO_MAGICLINKS", 1 << 2},
	{"RESOLVE_NO_SYMLINKS", 1 << 3}, {"RESOLVE_NO_XDEV", 1 << 4}, {"RESOLVE_CACHED", 1 << 5},
}

// ExecveFlags tell about the executable of execve and execveat.
var ExecveFlags = []Flag{
	{"EXE_WRITABLE", ExeWritable}, {"EXE_UPPER_LAYER", ExeUpperLayer}, {"EXE_FROM_MEMFD", ExeFromMemfd},
	{"EXE_LOWER_LAYER", ExeLowerLayer},
}

// CloneFlags are the flags of clone and of what works with the same flags.
var CloneFlags = []Flag{
	{"CLONE_FILES", 1 << 0}, {"CLONE_FS", 1 << 1}, {"CLONE_IO", 1 << 2}, {"CLONE_NEWIPC", 1 << 3},
	{"CLONE_NEWNET", 1 << 4}, {"CLONE_NEWNS", 1 << 5}, {"CLONE_NEWPID", 1 << 6}, {"CLONE_NEWUTS", 1 << 7},
	{"CLONE_PARENT", 1 << 8}, {"CLONE_PARENT_SETTID", 1 << 9}, {"CLONE_PTRACE", 1 << 10}, {"CLONE_SIGHAND", 1 << 11},
	{"CLONE_SYSVSEM", 1 << 12}, {"CLONE_THREAD", 1 << 13}, {"CLONE_UNTRACED", 1 << 14}, {"CLONE_VM", 1 << 15},
	{"CLONE_INVERTED", 1 << 16}, {"NAME_CHANGED", 1 << 17}, {"CLOSED", 1 << 18}, {"CLONE_NEWUSER", 1 << 20},
	{"CLONE_CHILD_CLEARTID", 1 << 23}, {"CLONE_CHILD_SETTID", 1 << 24}, {"CLONE_SETTLS", 1 << 25},
	{"CLONE_STOPPED", 1 << 26}, {"CLONE_VFORK", 1 << 27}, {"CLONE_NEWCGROUP", 1 << 28},
	{"CLONE_CHILD_IN_PIDNS", CloneChildInside},
}

// SocketFamilies are the address families; two names may share a number.
var SocketFamilies = []Flag{
	{"AF_NFC", 39}, {"AF_ALG", 38}, {"AF_CAIF", 37}, {"AF_IEEE802154", 36}, {"AF_PHONET", 35}, {"AF_ISDN", 34},
	{"AF_RXRPC", 33}, {"AF_IUCV", 32}, {"AF_BLUETOOTH", 31}, {"AF_TIPC", 30}, {"AF_CAN", 29}, {"AF_LLC", 26},
	{"AF_WANPIPE", 25}, {"AF_PPPOX", 24}, {"AF_IRDA", 23}, {"AF_SNA", 22}, {"AF_RDS", 21}, {"AF_ATMSVC", 20},
	{"AF_ECONET", 19}, {"AF_ASH", 18}, {"AF_PACKET", 17}, {"AF_ROUTE", 16}, {"AF_NETLINK", 16}, {"AF_KEY", 15},
	{"AF_SECURITY", 14}, {"AF_NETBEUI", 13}, {"AF_DECnet", 12}, {"AF_ROSE", 11}, {"AF_INET6", 10}, {"AF_X25", 9},
	{"AF_ATMPVC", 8}, {"AF_BRIDGE", 7}, {"AF_NETROM", 6}, {"AF_APPLETALK", 5}, {"AF_IPX", 4}, {"AF_AX25", 3},
	{"AF_INET", 2}, {"AF_LOCAL", 1}, {"AF_UNIX", 1}, {"AF_UNSPEC", 0},
}
