/** Short notices that something is done or refused; their code is loaded with the first one. */
import type { NotificationData } from "@mantine/notifications";
import { lazy, Suspense, useEffect, useState } from "react";

const Shown = lazy(async () => ({ default: (await import("@mantine/notifications")).Notifications }));
let begin: (() => void) | undefined;

export async function notify(notice: NotificationData): Promise<void> {
  begin?.();
  const { notifications } = await import("@mantine/notifications");
  notifications.show(notice);
}

/** Where the notices are shown; once in the page. */
export function Notices() {
  const [begun, setBegun] = useState(false);
  useEffect(() => {
    begin = () => setBegun(true);
    return () => {
      begin = undefined;
    };
  }, []);
  return <Suspense>{begun && <Shown position="top-center" w={380} />}</Suspense>;
}
