import type { MenuItemConstructorOptions } from 'electron';
import { app, Menu, shell } from 'electron';

interface MenuActions {
  dataFolder: string;
  restartEngine(): void;
}

/** The native menu: what the system expects. Everything of the measurement is on the page, with its own shortcuts. */
export function setMenu({ dataFolder, restartEngine }: MenuActions): void {
  const isMac = process.platform === 'darwin';
  const template: MenuItemConstructorOptions[] = [
    ...(isMac ? [{ role: 'appMenu' } as const] : []),
    {
      label: 'File',
      submenu: [
        { label: 'Show data folder', click: () => void shell.openPath(dataFolder) },
        { type: 'separator' },
        isMac ? { role: 'close' } : { role: 'quit' },
      ],
    },
    { role: 'editMenu' },
    {
      label: 'View',
      submenu: [
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        { type: 'separator' },
        { role: 'togglefullscreen' },
        ...(app.isPackaged ? [] : [{ role: 'reload' } as const, { role: 'toggleDevTools' } as const]),
      ],
    },
    { role: 'windowMenu' },
    {
      role: 'help',
      submenu: [{ label: 'Restart engine', click: restartEngine }, { type: 'separator' }, { role: 'about' }],
    },
  ];
  Menu.setApplicationMenu(Menu.buildFromTemplate(template));
}
