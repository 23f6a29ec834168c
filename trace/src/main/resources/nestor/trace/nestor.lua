-- Dissects the PCIe packets that Nestor records with -trace pcap=FILE (PCIe Base 6.0, Non-Flit Mode).
-- tshark -X lua_script:nestor.lua -r FILE, or in Wireshark's folder for personal Lua plugins.

local nestor = Proto("nestor", "PCIe packet recorded by Nestor")

local directions = { [0] = "from the function", [1] = "to the function" }
local address_types = { [0] = "untranslated", [1] = "translation request", [2] = "translated" }
local statuses = { [0] = "SC", [1] = "UR", [2] = "RRS", [4] = "CA" }
local messages = {
  [0x01] = "Invalidate Request",
  [0x02] = "Invalidate Completion",
  [0x04] = "Page Request",
  [0x05] = "PRG Response",
}
local responses = { [0] = "Success", [1] = "Invalid Request", [15] = "Response Failure" }

local f = nestor.fields
f.direction = ProtoField.uint8("nestor.direction", "Direction", base.DEC, directions)
f.number = ProtoField.uint32("nestor.number", "Number")
f.kind = ProtoField.string("nestor.kind", "Kind")
f.pasid = ProtoField.uint32("nestor.pasid", "PASID", base.HEX, nil, 0x000fffff)
f.privileged = ProtoField.bool("nestor.privileged", "Privileged Mode Requested", 32, nil, 0x00800000)
f.execute = ProtoField.bool("nestor.execute", "Execute Requested", 32, nil, 0x00400000)
f.fmt = ProtoField.uint8("nestor.fmt", "Fmt", base.HEX, nil, 0xe0)
f.type = ProtoField.uint8("nestor.type", "Type", base.HEX, nil, 0x1f)
f.at = ProtoField.uint16("nestor.at", "Address Type", base.DEC, address_types, 0x0c00)
f.length = ProtoField.uint16("nestor.length", "Length in DW", base.DEC, nil, 0x03ff)
f.requester = ProtoField.string("nestor.requester", "Requester ID")
f.completer = ProtoField.string("nestor.completer", "Completer ID")
f.destination = ProtoField.string("nestor.destination", "Destination ID")
f.tag = ProtoField.uint8("nestor.tag", "Tag", base.HEX)
f.last_be = ProtoField.uint8("nestor.last_be", "Last DW BE", base.HEX, nil, 0xf0)
f.first_be = ProtoField.uint8("nestor.first_be", "First DW BE", base.HEX, nil, 0x0f)
f.address = ProtoField.uint64("nestor.address", "Address", base.HEX)
f.no_write = ProtoField.bool("nestor.no_write", "No Write")
f.status = ProtoField.uint16("nestor.status", "Completion Status", base.DEC, statuses, 0xe000)
f.byte_count = ProtoField.uint16("nestor.byte_count", "Byte Count", base.DEC, nil, 0x0fff)
f.message = ProtoField.uint8("nestor.message", "Message Code", base.HEX, messages)
f.itag = ProtoField.uint8("nestor.itag", "ITag", base.DEC, nil, 0x1f)
f.itag_vector = ProtoField.uint32("nestor.itag_vector", "ITag Vector", base.HEX)
f.completion_count = ProtoField.uint32("nestor.completion_count", "Completion Count", base.DEC, nil, 0x7)
f.global = ProtoField.bool("nestor.global", "Global Invalidate")
f.prg_index = ProtoField.uint32("nestor.prg_index", "PRG Index", base.DEC)
f.last = ProtoField.bool("nestor.last", "Last Request in PRG")
f.write = ProtoField.bool("nestor.write", "Write Access Requested")
f.read = ProtoField.bool("nestor.read", "Read Access Requested")
f.response = ProtoField.uint32("nestor.response", "Response Code", base.DEC, responses)
f.entry = ProtoField.uint64("nestor.entry", "Translation Completion Data Entry", base.HEX)

local function id(range)
  local v = range:uint()
  return string.format("%02x:%02x.%d", bit.rshift(v, 8), bit.band(bit.rshift(v, 3), 0x1f), bit.band(v, 7))
end

local function wide(range)
  return string.format("0x%s", range:uint64():tohex():lower():gsub("^0+(%x)", "%1"))
end

local function memory(tlp, tree, four_dw, data)
  tree:add(f.requester, tlp(4, 2), id(tlp(4, 2)))
  tree:add(f.tag, tlp(6, 1))
  tree:add(f.last_be, tlp(7, 1))
  tree:add(f.first_be, tlp(7, 1))
  local range = four_dw and tlp(8, 8) or tlp(8, 4)
  tree:add(f.address, range, four_dw and range:uint64() or UInt64(range:uint()))
  local at = tlp(2, 2):bitfield(4, 2)
  local low = tlp(four_dw and 15 or 11, 1)
  if at == 1 then
    tree:add(f.no_write, low, bit.band(low:uint(), 1) ~= 0)
    return "Translation Request", wide(range)
  end
  return (data and "Memory Write" or "Memory Read") .. (at == 2 and " (translated)" or ""), wide(range)
end

local function completion(tlp, tree, data)
  tree:add(f.completer, tlp(4, 2), id(tlp(4, 2)))
  tree:add(f.status, tlp(6, 2))
  tree:add(f.byte_count, tlp(6, 2))
  tree:add(f.requester, tlp(8, 2), id(tlp(8, 2)))
  tree:add(f.tag, tlp(10, 1))
  for at = 12, tlp:len() - 8, 8 do
    tree:add(f.entry, tlp(at, 8))
  end
  local status = statuses[tlp(6, 1):bitfield(0, 3)] or "reserved status"
  local kind = data and (tlp:len() > 12 and "Translation Completion" or "Completion with Data") or "Completion"
  return kind, status
end

local function message(tlp, tree)
  local code = tlp(7, 1):uint()
  tree:add(f.requester, tlp(4, 2), id(tlp(4, 2)))
  tree:add(f.message, tlp(7, 1))
  local info = ""
  if code == 0x01 then
    tree:add(f.itag, tlp(6, 1))
    tree:add(f.destination, tlp(8, 2), id(tlp(8, 2)))
    tree:add(f.address, tlp(16, 8))
    tree:add(f.global, tlp(23, 1), bit.band(tlp(23, 1):uint(), 1) ~= 0)
    info = string.format("ITag %d %s", bit.band(tlp(6, 1):uint(), 0x1f), wide(tlp(16, 8)))
  elseif code == 0x02 then
    tree:add(f.destination, tlp(8, 2), id(tlp(8, 2)))
    tree:add(f.completion_count, tlp(8, 4))
    tree:add(f.itag_vector, tlp(12, 4))
    info = string.format("ITag Vector 0x%08x", tlp(12, 4):uint())
  elseif code == 0x04 then
    local low = tlp(12, 4):uint()
    tree:add(f.address, tlp(8, 8), UInt64(bit.band(low, 0xfffff000), tlp(8, 4):uint()))
    tree:add(f.prg_index, tlp(12, 4), bit.band(bit.rshift(low, 3), 0x1ff))
    tree:add(f.last, tlp(15, 1), bit.band(low, 4) ~= 0)
    tree:add(f.write, tlp(15, 1), bit.band(low, 2) ~= 0)
    tree:add(f.read, tlp(15, 1), bit.band(low, 1) ~= 0)
    info = string.format("PRG Index %d", bit.band(bit.rshift(low, 3), 0x1ff))
  elseif code == 0x05 then
    local word = tlp(8, 4):uint()
    tree:add(f.destination, tlp(8, 2), id(tlp(8, 2)))
    tree:add(f.response, tlp(8, 4), bit.band(bit.rshift(word, 12), 0xf))
    tree:add(f.prg_index, tlp(8, 4), bit.band(word, 0x1ff))
    info = string.format("PRG Index %d", bit.band(word, 0x1ff))
  end
  return messages[code] or "Message", info
end

function nestor.dissector(buffer, pinfo, root)
  if buffer:len() < 20 or buffer(0, 1):uint() ~= 1 then
    return 0
  end
  local tree = root:add(nestor, buffer())
  tree:add(f.direction, buffer(1, 1))
  tree:add(f.number, buffer(4, 4))
  local tlp = buffer(8):tvb()
  local pasid = ""
  if tlp(0, 1):uint() == 0x91 then
    tree:add(f.pasid, tlp(0, 4))
    tree:add(f.privileged, tlp(0, 4))
    tree:add(f.execute, tlp(0, 4))
    pasid = string.format(" PASID 0x%x", bit.band(tlp(0, 4):uint(), 0xfffff))
    tlp = tlp(4):tvb()
  end
  tree:add(f.fmt, tlp(0, 1))
  tree:add(f.type, tlp(0, 1))
  tree:add(f.at, tlp(2, 2))
  tree:add(f.length, tlp(2, 2))
  local first = tlp(0, 1):uint()
  local kind = bit.band(first, 0x1f)
  local four_dw = bit.band(first, 0x20) ~= 0
  local data = bit.band(first, 0x40) ~= 0
  local title, info = "TLP", ""
  if kind == 0 then
    title, info = memory(tlp, tree, four_dw, data)
  elseif kind == 0x0a then
    title, info = completion(tlp, tree, data)
  elseif bit.band(kind, 0x18) == 0x10 then
    title, info = message(tlp, tree)
  end
  tree:add(f.kind, title):set_generated()
  tree:append_text(", " .. title)
  pinfo.cols.protocol = "PCIe"
  pinfo.cols.info = title .. " " .. info .. pasid
  return buffer:len()
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, nestor)
