"""Reads a program over AT-SPI, as a screen reader does. Answers each JSON line with one."""

import json
import sys
import warnings

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, Gio, GLib  # noqa: E402


def announce():
    """Enables accessibility: programs expose themselves only while it is enabled."""
    bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
    for name in ("IsEnabled", "ScreenReaderEnabled"):
        value = GLib.Variant("(ssv)", ("org.a11y.Status", name, GLib.Variant("b", True)))
        properties = "org.freedesktop.DBus.Properties"
        bus.call_sync("org.a11y.Bus", "/org/a11y/bus", properties, "Set", value, None, 0, -1, None)


def program(pid):
    desktop = Atspi.get_desktop(0)
    for index in range(desktop.get_child_count()):
        child = desktop.get_child_at_index(index)
        if child is not None and child.get_process_id() == pid:
            return child
    return None


def below(node):
    if node is None:
        return
    yield node
    for index in range(node.get_child_count()):
        yield from below(node.get_child_at_index(index))


def describe(node):
    # The actions of an element change, and clearing the desktop's cache doesn't reach all descendants.
    node.clear_cache()
    component = node.get_component_iface()
    place = component.get_extents(Atspi.CoordType.SCREEN) if component else None
    return {
        "role": node.get_role_name(),
        "name": node.get_name() or "",
        "description": node.get_description() or "",
        "pressable": bool(node.get_action_iface() and node.get_action_iface().get_n_actions()),
        "states": [state.value_nick for state in node.get_state_set().get_states()],
        "x": place.x if place else 0,
        "y": place.y if place else 0,
        "width": place.width if place else 0,
        "height": place.height if place else 0,
    }


def answer(question):
    Atspi.get_desktop(0).clear_cache()
    top = program(question["pid"])
    nodes = below(top)
    if question.get("press") is None:
        return [describe(node) for node in nodes]
    for node in nodes:
        if node.get_name() == question["press"] and node.get_action_iface():
            return node.get_action_iface().do_action(0)
    return False


# The bindings warn of deprecated names.
warnings.simplefilter("ignore")
announce()
Atspi.init()
for line in sys.stdin:
    try:
        reply = {"answer": answer(json.loads(line))}
    except GLib.Error as error:
        # The element disappeared while it was read.
        reply = {"gone": error.message}
    print(json.dumps(reply), flush=True)
