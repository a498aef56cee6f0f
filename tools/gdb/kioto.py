"""Kioto in gdb, on a live process and on a core file:

    (gdb) source tools/gdb/kioto.py
    (gdb) kioto tasks              every live task of every runtime
    (gdb) kioto task ADDR|ID       one of them in detail
    (gdb) kioto workers            the threads that run tasks, and what is queued

Nothing is called in the process, and nothing in it changes. What is found is checked as it is read: where memory makes no
sense, a line says so and the rest goes on. Needs symbols (bazel build --config=debug) and libstdc++.
"""

import re

import gdb

_NS = "kioto::internal::"
_KINDS = ["current-thread runtime", "work-stealing runtime", "blocking pool", "LocalSet"]
_CLASSES = ["CurrentThreadCore", "WorkStealingCore", "BlockingPool", "LocalQueue"]
_MAX_STRING = 512
_MAX_LISTED = 100_000  # schedulers, and tasks of a queue: more of them are a loop

# The bits of runtime/task/state.h.
_OWNED, _WOKEN, _COMPLETE, _ABORTED, _JOIN_INTEREST, _JOIN_WAKER = 1, 2, 4, 8, 16, 32
_REFS = 16


class Torn(Exception):
    """What was read can not be so."""


# --- Memory -----------------------------------------------------------------------------------------------------------

def _type(name):
    try:
        return gdb.lookup_type(_NS + name)
    except gdb.error:
        raise gdb.GdbError("kioto: no symbols of %s%s: is this a program that uses Kioto, built with --config=debug?" %
                           (_NS, name))


def _pointer_at(address, type_):
    """The type_* that lies at `address`."""
    return gdb.Value(address).cast(type_.pointer().pointer()).dereference()


def _atomic(value, type_):
    """What a base::Atomic<type_>, or a base::Cell of it, holds."""
    return value.address.cast(type_.pointer()).dereference()


def _u64(value):
    return int(_atomic(value, gdb.lookup_type("unsigned long")))


def _u32(value):
    return int(_atomic(value, gdb.lookup_type("unsigned int")))


def _bytes(address, size):
    return gdb.selected_inferior().read_memory(address, size).tobytes()


def _c_string(address):
    """The bytes from `address` to a 0, at most so many."""
    text = b""
    while len(text) < _MAX_STRING:
        step = 64 - address % 64  # not into the next page, which may be absent
        text += _bytes(address, step)
        if b"\0" in text:
            return text.partition(b"\0")[0].decode("utf-8", "replace")
        address += step
    raise Torn("a string without an end at 0x%x" % address)


def _std_string(value):
    """A libstdc++ std::string: pointer, then length."""
    start = int(value.address)
    data, size = int.from_bytes(_bytes(start, 8), "little"), int.from_bytes(_bytes(start + 8, 8), "little")
    if size > 1 << 20:
        raise Torn("a string of %d bytes at 0x%x" % (size, start))
    return _bytes(data, min(size, _MAX_STRING)).decode("utf-8", "replace")


def _vector_of_pointers(value, type_):
    """The elements of a std::vector of (unique) pointers to type_."""
    start = int(value.address)
    first, last = (int.from_bytes(_bytes(start + at, 8), "little") for at in (0, 8))
    if not 0 <= last - first <= 8 * _MAX_LISTED:
        raise Torn("a vector from 0x%x to 0x%x" % (first, last))
    return [_pointer_at(at, type_) for at in range(first, last, 8)]


# --- Threads ----------------------------------------------------------------------------------------------------------

class Threads:
    """What each thread says of itself in kioto::internal::thread_context, where gdb can read thread-local variables."""

    def __init__(self):
        self.by_context = {}  # address of a ThreadContext -> gdb's thread
        self.by_task = {}     # address of the task that it polls -> the same
        self.by_lwp = {}
        selected, frame = gdb.selected_thread(), None
        try:
            frame = gdb.selected_frame()
        except gdb.error:
            pass
        try:
            for thread in gdb.selected_inferior().threads():
                self.by_lwp[thread.ptid[1]] = thread
                thread.switch()
                self._read(thread)
        finally:
            if selected is not None and selected.is_valid():
                selected.switch()
            if frame is not None and frame.is_valid():
                frame.select()

    def _read(self, thread):
        try:
            address = int(gdb.parse_and_eval("(unsigned long)&'%sthread_context'" % _NS))
            context = gdb.Value(address).cast(_type("ThreadContext").pointer()).dereference()
            self.by_context[address] = thread
            if int(context["task"]) != 0:
                self.by_task[int(context["task"])] = thread
        except gdb.error:
            pass  # no libthread_db, or a thread without such memory yet


def _thread_name(thread):
    return "thread %d \"%s\"" % (thread.num, thread.name or "LWP %d" % thread.ptid[1])


# --- Schedulers and tasks ---------------------------------------------------------------------------------------------

class Scheduler:
    """One of the list of runtime/task/scheduler_list.h."""

    def __init__(self, listed, number):
        kind = int(listed["kind_"])
        if not 0 <= kind < len(_KINDS):
            raise Torn("a scheduler of kind %d" % kind)
        self.number = number
        self.kind = _KINDS[kind]
        self.cls = _CLASSES[kind]
        self.base = listed["scheduler_"]
        self.address = int(self.base)

    def object(self):
        """As what it is: for its own fields."""
        return self.base.cast(_type(self.cls).pointer()).dereference()

    def title(self):
        return "%s %d at 0x%x" % (self.kind, self.number, self.address)

    def owner(self):
        """The ThreadContext that its local tasks are bound to, or 0."""
        if self.cls == "LocalQueue":
            return int(self.object()["owner_"])
        if self.cls == "CurrentThreadCore":
            return int(self.object()["loop_thread_"]) or int(self.object()["bound_to_"])
        return 0

    def tasks(self, complain):
        """Its live tasks. What is torn goes to `complain`, and the next shard follows."""
        owned = self.base.dereference()["owned"]
        shards = int(owned["shards_"])
        if not 0 <= shards <= 1 << 16:
            raise Torn("%d shards of tasks" % shards)
        first = _pointer_at(int(owned["shard_"].address), _type("OwnedTasks::Shard"))
        for i in range(shards):
            seen = set()
            try:
                shard = (first + i).dereference()
                count = int(shard["linked"]) - int(shard["unlinked"])
                task = shard["head"]
                while int(task) != 0:
                    if int(task) in seen:
                        raise Torn("it leads back to the task at 0x%x" % int(task))
                    if int(task.dereference()["scheduler"]) != self.address:
                        raise Torn("what lies at 0x%x is no task of it" % int(task))
                    seen.add(int(task))
                    yield Task(task.dereference(), self)
                    task = task.dereference()["owned_next"]
                if len(seen) != count:
                    complain("shard %d counts %d tasks, and has %d: it was changing" % (i, count, len(seen)))
            except (gdb.MemoryError, Torn) as error:
                complain("the list of shard %d is torn after %d tasks: %s" % (i, len(seen), error))


class Task:
    """A TaskHeader."""

    def __init__(self, header, scheduler):
        self.header = header
        self.scheduler = scheduler
        self.address = int(header.address)
        self.id = int(header["id"])
        self.word = _u64(header["state"])

    def name(self):
        return _std_string(self.header["details"].dereference()["name"]) if bool(self.header["detailed"]) else ""

    def place(self):
        file = self.header["details"].dereference()["file"] if bool(self.header["detailed"]) else self.header["file"]
        return "%s:%d" % (_c_string(int(file)), int(self.header["line"]))

    def state(self, running, threads):
        if self.word & _COMPLETE:
            state = "complete"
        elif self.address in threads.by_task:
            state = "running on %s" % _thread_name(threads.by_task[self.address])
        elif self.address in running or self.id in running:
            state = "running"
        elif self.word & _OWNED:
            state = "queued"
        else:
            state = "idle"
        return state + (", aborted" if self.word & _ABORTED else "")

    def bound(self, threads):
        """To which thread, or ""."""
        if not bool(self.header["local"]):
            return ""
        thread = threads.by_context.get(self.scheduler.owner())
        return "bound to " + (_thread_name(thread) if thread is not None else "a thread")


def _schedulers(complain):
    """All schedulers, the oldest first."""
    _type("ListedScheduler")
    try:
        head = int(gdb.parse_and_eval("(unsigned long)&'%slisted_schedulers'" % _NS))
        listed = _pointer_at(head, _type("ListedScheduler"))
    except gdb.error as error:
        raise gdb.GdbError("kioto: this program has no list of runtimes: %s" % error)
    found, seen = [], set()
    try:
        while int(listed) != 0:
            if int(listed) in seen or len(seen) > _MAX_LISTED:
                raise Torn("it leads back to itself")
            seen.add(int(listed))
            found.append(listed)
            listed = listed.dereference()["next_"]
    except (gdb.MemoryError, Torn) as error:
        complain("the list of runtimes is torn after %d: %s" % (len(found), error))
    schedulers = []
    for number, entry in enumerate(reversed(found), 1):
        try:
            schedulers.append(Scheduler(entry.dereference(), number))
        except (gdb.MemoryError, Torn) as error:
            complain("entry %d of the list of runtimes: %s" % (number, error))
    return schedulers


def _workers(scheduler):
    return _vector_of_pointers(scheduler.object()["workers_"], _type("Worker"))


def _running(schedulers):
    """The tasks in a poll as the schedulers tell: ids, and addresses, which are greater than any id."""
    running = set()
    for scheduler in schedulers:
        try:
            if scheduler.cls == "WorkStealingCore":
                for worker in _workers(scheduler):
                    if _u64(worker.dereference()["polls_"]) & 1:
                        running.add(_u64(worker.dereference()["task_id_"]))
            elif scheduler.cls == "CurrentThreadCore":
                running.add(_u64(scheduler.object()["polled_"]))
        except (gdb.MemoryError, Torn):
            pass  # the task's own word, and what `kioto workers` complains of, have to do
    running.discard(0)
    return running


def _complain(sentence):
    print("  kioto: " + sentence)


# --- Commands ---------------------------------------------------------------------------------------------------------

def _line_of(task, running, threads):
    line = "%8d  0x%x  %-8s  %s" % (task.id, task.address, task.state(running, threads), task.place())
    name, bound = task.name(), task.bound(threads)
    return line + ("  \"%s\"" % name if name else "") + ("  (%s)" % bound if bound else "")


def list_tasks():
    schedulers = _schedulers(_complain)
    threads, running = Threads(), _running(schedulers)
    total = 0
    for scheduler in schedulers:
        print(scheduler.title())
        try:
            for task in scheduler.tasks(_complain):
                total += 1
                try:
                    print(_line_of(task, running, threads))
                except (gdb.MemoryError, Torn) as error:
                    _complain("the task at 0x%x: %s" % (task.address, error))
        except (gdb.MemoryError, Torn) as error:
            _complain("its tasks can not be read: %s" % error)
    print("%d live tasks" % total)


def _find_task(number, schedulers):
    for scheduler in schedulers:
        try:
            for task in scheduler.tasks(lambda sentence: None):
                if number in (task.address, task.id):
                    return task
        except (gdb.MemoryError, Torn):
            continue
    raise gdb.GdbError("kioto: no live task has the address 0x%x or the number %d; `kioto tasks` lists them" % (number, number))


def _future_of(task):
    """The type of the task's future, from the name of its table of functions."""
    symbol = gdb.execute("info symbol 0x%x" % int(task.header["vtable"]), to_string=True)
    match = re.search(r"TaskCell<(.*)>::kTable", symbol)
    return match.group(1) if match else "unknown"


def show_task(argument):
    if not argument:
        raise gdb.GdbError("kioto: kioto task needs the address of a task, or its number; `kioto tasks` lists them")
    number = int(gdb.parse_and_eval(argument).cast(gdb.lookup_type("unsigned long")))
    schedulers = _schedulers(_complain)
    task = _find_task(number, schedulers)
    threads, word = Threads(), task.word
    name = task.name()
    print("task %d%s, spawned at %s" % (task.id, " \"%s\"" % name if name else "", task.place()))
    print("  address     0x%x" % task.address)
    print("  state       %s" % task.state(_running(schedulers), threads))
    flags = [(_OWNED, "owned"), (_WOKEN, "woken"), (_COMPLETE, "complete"), (_ABORTED, "aborted"),
             (_JOIN_INTEREST, "has a JoinHandle"), (_JOIN_WAKER, "somebody awaits it")]
    print("  word        0x%x: %s" % (word, ", ".join(text for bit, text in flags if word & bit) or "no flag"))
    print("  references  %d, of which %d are spare" % (word >> _REFS, int(_atomic(task.header["spare_"],
                                                                               gdb.lookup_type("unsigned char")))))
    print("  belongs to  %s" % task.scheduler.title())
    if task.bound(threads):
        print("  %s" % task.bound(threads))
    print("  future      %s" % _future_of(task))


def _queue_length(head):
    """Tasks of a queue through queue_next, from the pointer `head`."""
    seen = set()
    while int(head) != 0:
        if int(head) in seen or len(seen) > _MAX_LISTED:
            raise Torn("a queue that leads back to itself")
        seen.add(int(head))
        head = head.dereference()["queue_next"]
    return len(seen)


def _show_worker(worker, threads):
    queue = worker["queue_"]
    lwp = _u32(worker["system_id_"])
    polls = _u64(worker["polls_"])
    if polls & 1:
        file, line = _c_string(_u64(worker["file_"])), _u32(worker["line_"])
        state = "polls task %d, spawned at %s:%d" % (_u64(worker["task_id_"]), file, line)
    elif bool(worker["parked_"]):
        state = "parked"
    else:
        state = "searching" if bool(worker["searching_"]) else "between two polls"
    slot = 1 if _u64(queue["slot_"]) else 0
    queued = (_u32(queue["tail_"]) - (_u64(queue["head_"]) >> 32)) & 0xffffffff
    thread = threads.by_lwp.get(lwp)
    print("  worker %d  %-10s  %d queued, %d in its slot, %d polls  (%s)" %
          (int(worker["index_"]), state, queued, slot, polls // 2,
           _thread_name(thread) if thread is not None else "no thread yet" if lwp == 0 else "LWP %d, which has ended" % lwp))


def _show_scheduler(scheduler, threads):
    core = scheduler.object()
    if scheduler.cls == "WorkStealingCore":
        print("  injector  %d queued" % _u64(core["injector_"]["size_"]))
        for worker in _workers(scheduler):
            try:
                _show_worker(worker.dereference(), threads)
            except (gdb.MemoryError, Torn) as error:
                _complain("the worker at 0x%x: %s" % (int(worker), error))
    elif scheduler.cls == "CurrentThreadCore":
        polled = _u64(core["polled_"])
        state = "polls the task at 0x%x" % polled if polled else "driven" if bool(core["driving_"]) else "nobody drives it"
        if int(core["loop_thread_"]) != 0:
            state = "attached to a loop" + (", " + state if polled else "")
        print("  %s  %d queued, %d injected" % (state, _queue_length(core["local_head_"]), _u64(core["injector_"]["size_"])))
    elif scheduler.cls == "BlockingPool":
        print("  %d threads, %d of them run jobs, %d jobs queued" %
              (int(core["threads_"]), int(core["running_"]), int(core["queued_"])))
    else:
        print("  %d queued, %d woken by other threads" % (_queue_length(core["local_head_"]), int(core["remote_size_"])))


def show_workers():
    threads = Threads()
    for scheduler in _schedulers(_complain):
        print(scheduler.title())
        try:
            _show_scheduler(scheduler, threads)
        except (gdb.MemoryError, Torn) as error:
            _complain("it can not be read: %s" % error)


class _Prefix(gdb.Command):
    """Looks at the tasks and workers of Kioto: kioto tasks, kioto task ADDR|ID, kioto workers."""

    def __init__(self):
        super().__init__("kioto", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class _Command(gdb.Command):
    def __init__(self, name, run, doc):
        self.__doc__ = doc
        self._run = run
        super().__init__("kioto " + name, gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        del from_tty
        if not gdb.selected_inferior().threads():
            raise gdb.GdbError("kioto: no process and no core file is open")
        try:
            self._run(argument.strip())
        except (gdb.error, Torn, ValueError, OverflowError) as error:
            raise gdb.GdbError("kioto: %s" % error)


_Prefix()
_Command("tasks", lambda _: list_tasks(), "Every live task: number, address, state, spawn place, name, and the thread it is bound to.")
_Command("task", show_task, "kioto task ADDR|ID: one live task in detail.")
_Command("workers", lambda _: show_workers(), "Every runtime's threads: state and lengths of queues.")
