// Numbers as people read them. A number beyond 2^53 comes as text, in hexadecimal.

export const hex = (value, digits = 0) =>
  typeof value === 'string' ? value : '0x' + value.toString(16).padStart(digits, '0');

// Bus, device and function, as lspci writes them.
export const bdf = (bus, slot, fn) =>
  `${bus.toString(16).padStart(2, '0')}:${slot.toString(16).padStart(2, '0')}.${fn}`;

export const ridText = rid => bdf(rid >> 8, (rid >> 3) & 31, rid & 7);

export const count = value => Number(value).toLocaleString('en-US');

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export const size = value => {
  let rest = Number(value);
  let unit = 0;
  while (rest >= 1024 && unit < UNITS.length - 1) {
    rest /= 1024;
    unit++;
  }
  return `${Number.isInteger(rest) ? rest : rest.toFixed(1)} ${UNITS[unit]}`;
};

const CLASSES = {
  0x0100: 'SCSI controller', 0x0180: 'storage', 0x0200: 'Ethernet', 0x0600: 'host bridge',
  0x0601: 'ISA bridge', 0x0604: 'PCI bridge', 0x0780: 'communication', 0x0880: 'system peripheral',
};

export const className = code =>
  CLASSES[code >> 8] ?? `class ${(code >> 8).toString(16).padStart(4, '0')}`;
